import type { ConnectionState } from "@tessera/client";
import type { Wording } from "@tessera/react";
import { useCallback, useEffect, useState, useSyncExternalStore } from "react";
import { forgetDevice, NEW_DEVICE } from "../session/account.js";
import type { Session } from "../session/session.js";
import { describe } from "../session/states.js";
import { chooseTheme, storedTheme, THEMES, type Theme } from "../session/theme.js";
import icon from "../tessera.svg";
import { fill, useWords } from "../words/words.js";
import { NameForm } from "./NameForm.js";
import type { Sheet } from "./Workspace.js";

const REPLACED = 4510;

interface TopBarProps {
  readonly session: Session;
  readonly wording: Wording;
  readonly onSignOut: () => void;
  readonly sheet: Sheet;
  readonly onSheet: (sheet: Sheet) => void;
  readonly drawer: boolean;
  readonly onDrawer: (open: boolean) => void;
}

/** The connection state, the account and the actions of this device. */
export function TopBar({ session, wording, onSignOut, sheet, onSheet, drawer, onDrawer }: TopBarProps) {
  const words = useWords();
  const [menu, setMenu] = useState(false);
  const [naming, setNaming] = useState(false);
  const { tessera } = session;
  const subscribe = useCallback((listener: () => void) => tessera.on("state", listener), [tessera]);
  const state = useSyncExternalStore(subscribe, () => tessera.state);
  useEffect(() => {
    if (!menu) return;
    const close = ({ key }: KeyboardEvent) => {
      if (key === "Escape") setMenu(false);
    };
    addEventListener("keydown", close);
    return () => removeEventListener("keydown", close);
  }, [menu]);
  const sheets = [
    ["threads", words.conversations],
    ["data", words.data],
  ] as const;
  return (
    <header className="top-bar">
      <h1>
        <img src={icon} alt="" width="20" height="20" /> Tessera
      </h1>
      <span className="connection" data-state={state.name} role="status">
        {describe(state, wording)}
      </span>
      {state.name === "waiting" || state.name === "closed" ? (
        <button type="button" onClick={() => (isReplaced(state) ? becomeAnother() : tessera.retry())}>
          {isReplaced(state) ? words.newDeviceId : words.connectNow}
        </button>
      ) : null}
      <span className="spacer" />
      {sheets.map(([name, title]) => (
        <button
          key={name}
          type="button"
          className={`sheet-button sheet-${name}`}
          aria-expanded={sheet === name}
          onClick={() => onSheet(sheet === name ? undefined : name)}
        >
          {title}
        </button>
      ))}
      <button
        type="button"
        className="menu-button"
        aria-label={words.menu}
        aria-expanded={menu}
        onClick={() => setMenu(!menu)}
      >
        ⋯
      </button>
      {/* In a narrow window it is a panel that the button opens. */}
      <div className="menu" data-open={menu}>
        <button
          type="button"
          aria-expanded={drawer}
          onClick={() => {
            setMenu(false);
            onDrawer(!drawer);
          }}
        >
          {words.inspector}
        </button>
        <AccountMenu
          session={session}
          onSignOut={onSignOut}
          naming={naming}
          onNaming={(open) => {
            setMenu(false);
            setNaming(open);
          }}
        />
      </div>
      {naming ? <NameForm session={session} onClose={() => setNaming(false)} /> : null}
    </header>
  );
}

interface AccountMenuProps extends Pick<TopBarProps, "session" | "onSignOut"> {
  /** Whether the form that names a guest account is open. */
  readonly naming: boolean;
  readonly onNaming: (open: boolean) => void;
}

/** The account, the theme, a second device and signing out. */
function AccountMenu({ session, onSignOut, naming, onNaming }: AccountMenuProps) {
  const words = useWords();
  const [leaving, setLeaving] = useState(false);
  const account = useSyncExternalStore(session.account.subscribe, () => session.account.snapshot);
  const { device, tessera } = session;
  const unsent = tessera.unsentChanges;
  const question =
    account.guest === true
      ? words.signOutGuest
      : unsent > 0
        ? fill(words.signOutUnsent, { count: unsent })
        : words.signOutQuestion;
  return (
    <>
      <ThemeChoice />
      <button type="button" className="second" onClick={() => window.open(`/${NEW_DEVICE}`, "_blank")}>
        {words.secondDevice}
      </button>
      <span className="muted account" title={`${account.email} · ${device}`}>
        {account.guest === true ? words.guest : account.email}
      </span>
      {account.guest === true ? (
        <button type="button" className="call" aria-expanded={naming} onClick={() => onNaming(!naming)}>
          {words.keepAccount}
        </button>
      ) : null}
      {leaving ? (
        <span className="leaving" role="alert">
          {question}
          <button type="button" className="danger" onClick={onSignOut}>
            {words.signOut}
          </button>
          <button type="button" onClick={() => setLeaving(false)}>
            {words.staySignedIn}
          </button>
        </span>
      ) : (
        <button type="button" onClick={() => setLeaving(true)}>
          {words.signOut}
        </button>
      )}
    </>
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
  const words = useWords();
  const [theme, setTheme] = useState(storedTheme);
  const choose = (chosen: Theme) => {
    setTheme(chosen);
    chooseTheme(chosen);
  };
  return (
    <select aria-label={words.theme} value={theme} onChange={(event) => choose(event.target.value as Theme)}>
      {THEMES.map((name) => (
        <option key={name} value={name}>
          {words.themes[name]}
        </option>
      ))}
    </select>
  );
}
