import "@tessera/react/styles.css";
import "./page.css";
import { createRoot } from "react-dom/client";
import type { Bridge } from "../bridge.js";
import { App } from "./App.js";
import { Remote } from "./remote.js";

declare global {
  interface Window {
    readonly tessera: Bridge;
  }
}

const root = document.getElementById("root");
if (root === null) throw new Error("The page has no #root.");
const remote = new Remote(window.tessera);
// In the main process nothing reports the network.
window.addEventListener("online", () => window.tessera.reconnect());
createRoot(root).render(<App remote={remote} />);
