import { type FormEvent, useState } from "react";
import type { Bridge } from "../bridge.js";
import type { Shown } from "./remote.js";

/** Asks for an account. The password goes to the main process and is kept nowhere. */
export function SignIn({ bridge, shown }: { readonly bridge: Bridge; readonly shown: Shown }) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [fault, setFault] = useState("");
  const [busy, setBusy] = useState(false);
  const { connection } = shown;
  const ended = connection.name === "signed_out" && connection.error !== null;
  const enter = async (how: "login" | "register") => {
    setBusy(true);
    setFault("");
    const outcome = await bridge[how](email, password);
    setBusy(false);
    if (!outcome.ok) setFault(outcome.message);
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const { submitter } = event.nativeEvent as SubmitEvent;
    void enter(submitter?.getAttribute("value") === "register" ? "register" : "login");
  };
  return (
    <main className="sign-in">
      <h1>Tessera</h1>
      {ended ? <p>Your login has ended. Log in again: your tasks and conversation are still here.</p> : null}
      <form onSubmit={submit}>
        <label>
          E-mail
          <input
            type="email"
            autoComplete="username"
            required
            value={email}
            onChange={(event) => setEmail(event.target.value)}
          />
        </label>
        <label>
          Password
          <input
            type="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        </label>
        <p role="alert">{fault}</p>
        <div className="buttons">
          <button type="submit" className="primary" disabled={busy}>
            Log in
          </button>
          <button type="submit" value="register" disabled={busy}>
            Create account
          </button>
        </div>
      </form>
      {shown.keepsLogin ? null : (
        <p className="muted">This system has no keychain, so you log in each time the app starts.</p>
      )}
    </main>
  );
}
