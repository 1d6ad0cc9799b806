import { useEffect, useState } from "react";
import type { Bridge } from "../bridge.js";
import type { Shown } from "./remote.js";

/** The state of the connection in words. */
export function Connection({ bridge, shown }: { readonly bridge: Bridge; readonly shown: Shown }) {
  const hasNetwork = useNetwork();
  const { connection, unsent } = shown;
  const { name } = connection;
  // With a connection they are on their way.
  const waits =
    unsent === 0 || name === "online"
      ? ""
      : ` ${unsent === 1 ? "One change waits" : `${unsent} changes wait`} here to be sent.`;
  return (
    <div className="connection" data-state={hasNetwork ? name : "offline"}>
      <p role="status">{(hasNetwork ? sentence(shown) : "No network. Tessera connects when it is back.") + waits}</p>
      {name === "waiting" || name === "closed" ? (
        <button type="button" onClick={() => bridge.reconnect()}>
          Connect now
        </button>
      ) : null}
    </div>
  );
}

function sentence({ connection }: Shown): string {
  switch (connection.name) {
    case "online":
      return "Connected.";
    case "connecting":
      return "Connecting…";
    case "waiting":
      return "The connection was lost. Connecting again soon.";
    case "closed":
      return connection.error?.text ?? connection.error?.message ?? "Not connected.";
    case "signed_out":
      return "";
  }
}

function useNetwork(): boolean {
  const [hasNetwork, setHasNetwork] = useState(navigator.onLine);
  useEffect(() => {
    const look = () => setHasNetwork(navigator.onLine);
    window.addEventListener("online", look);
    window.addEventListener("offline", look);
    return () => {
      window.removeEventListener("online", look);
      window.removeEventListener("offline", look);
    };
  }, []);
  return hasNetwork;
}
