import { rest } from "@tessera/client";
import { type FormEvent, useState } from "react";
import { type Account, sentence, signIn } from "../session/account.js";

export interface SignInProps {
  readonly ready: boolean;
  readonly fault: string;
  readonly onSignedIn: (account: Account) => void;
}

const LEAST_PASSWORD = 8;

/** Registers or signs in over REST, to get the token for device_hello. */
export function SignIn({ ready, fault, onSignedIn }: SignInProps) {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState("");

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const { submitter } = event.nativeEvent as SubmitEvent;
    const isNew = submitter?.getAttribute("value") !== "login";
    setBusy(true);
    setRefusal("");
    try {
      const api = rest({ baseUrl: location.origin });
      onSignedIn(await signIn(api, String(fields.get("email")), String(fields.get("password")), isNew));
    } catch (error) {
      setRefusal(sentence(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className="sign-in">
      <h1>
        <img src="/assets/tessera.svg" alt="" width="28" height="28" /> Tessera playground
      </h1>
      <p className="muted">
        This page is a device. Its tasks, projects, notes and checkpoints are stored in this tab. The server's agents
        read and change them over a WebSocket. Create an account to start. You can use any e-mail address.
      </p>
      <form onSubmit={submit}>
        <label>
          E-mail
          <input name="email" type="email" autoComplete="username" required />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            autoComplete="current-password"
            minLength={LEAST_PASSWORD}
            required
            aria-describedby="password-rule"
          />
        </label>
        <p id="password-rule" className="muted">
          At least {LEAST_PASSWORD} characters.
        </p>
        <p role="alert" className="fault">
          {refusal || fault}
        </p>
        <div className="buttons">
          <button type="submit" value="register" className="primary" disabled={busy || !ready}>
            Create account
          </button>
          <button type="submit" value="login" disabled={busy || !ready}>
            Sign in
          </button>
        </div>
      </form>
    </main>
  );
}
