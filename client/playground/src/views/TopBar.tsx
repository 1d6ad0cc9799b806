import type { ConnectionState } from "@tessera/client";
import type { Wording } from "@tessera/react";
import { useCallback, useState, useSyncExternalStore } from "react";
import { forgetDevice, NEW_DEVICE } from "../session/account.js";
import type { Session } from "../session/session.js";
import { describe } from "../session/states.js";
import { chooseTheme, storedTheme, THEMES, type Theme } from "../session/theme.js";

const REPLACED = 4510;

interface TopBarProps {
  readonly session: Session;
  readonly wording: Wording;
  readonly onSignOut: () => void;
}

/** The account, the device id, the connection state and the actions of this device. */
export function TopBar({ session, wording, onSignOut }: TopBarProps) {
  const { tessera } = session;
  const subscribe = useCallback((listener: () => void) => tessera.on("state", listener), [tessera]);
  const state = useSyncExternalStore(subscribe, () => tessera.state);
  return (
    <header className="top-bar">
      <h1>
        <img src="/assets/tessera.svg" alt="" width="20" height="20" /> Tessera
      </h1>
      <span className="connection" data-state={state.name} role="status">
        {describe(state, wording)}
      </span>
      {state.name === "waiting" || state.name === "closed" ? (
        <button type="button" onClick={() => (isReplaced(state) ? becomeAnother() : tessera.retry())}>
          {isReplaced(state) ? "Use a new device id" : "Connect now"}
        </button>
      ) : null}
      <span className="spacer" />
      <span className="muted" title={`Device ${session.device}`}>
        {session.account.email} · device {session.device.slice(0, 4)}
      </span>
      <ThemeChoice />
      <button type="button" onClick={() => window.open(`/${NEW_DEVICE}`, "_blank")}>
        Open a second device
      </button>
      <button type="button" onClick={onSignOut}>
        Sign out
      </button>
    </header>
  );
}

/** Whether another tab connected with this tab's device id. This happens when a tab is duplicated. */
function isReplaced(state: ConnectionState): boolean {
  return state.name === "closed" && state.error?.closeCode === REPLACED;
}

function becomeAnother(): void {
  forgetDevice();
  location.reload();
}

function ThemeChoice() {
  const [theme, setTheme] = useState(storedTheme);
  const choose = (chosen: Theme) => {
    setTheme(chosen);
    chooseTheme(chosen);
  };
  return (
    <select aria-label="Theme" value={theme} onChange={(event) => choose(event.target.value as Theme)}>
      {THEMES.map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  );
}
