import "@tessera/react/styles.css";
import "./tokens.css";
import "./playground.css";
import { createRoot } from "react-dom/client";
import { App } from "./App.js";
import { chooseTheme, storedTheme } from "./session/theme.js";

const root = document.getElementById("root");
if (root === null) throw new Error("The page has no #root.");
chooseTheme(storedTheme());
createRoot(root).render(<App />);
