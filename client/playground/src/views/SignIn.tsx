import { rest } from "@tessera/client";
import { type FormEvent, useState } from "react";
import { type Account, LEAST_PASSWORD, sentence, signIn } from "../session/account.js";
import icon from "../tessera.svg";
import type { SignInWords } from "../words/sign-in.js";

export interface SignInProps {
  readonly ready: boolean;
  readonly fault: string;
  /** What else the person should know; empty if nothing. */
  readonly notice: string;
  readonly words: SignInWords;
  readonly onSignedIn: (account: Account) => void;
}

/** Registers or signs in over REST, to get the token for device_hello. */
export function SignIn({ ready, fault, notice, words, onSignedIn }: SignInProps) {
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
        <img src={icon} alt="" width="28" height="28" /> Tessera
      </h1>
      <p className="muted">{words.intro}</p>
      <form onSubmit={submit}>
        <label>
          {words.email}
          <input name="email" type="email" autoComplete="username" required />
        </label>
        <label>
          {words.password}
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
          {words.passwordRule.replace("{count}", String(LEAST_PASSWORD))}
        </p>
        <p role="alert" className="fault">
          {refusal || fault}
        </p>
        {notice === "" ? null : <p role="status">{notice}</p>}
        <div className="buttons">
          <button type="submit" value="register" className="primary" disabled={busy || !ready}>
            {words.create}
          </button>
          <button type="submit" value="login" disabled={busy || !ready}>
            {words.signIn}
          </button>
        </div>
      </form>
    </main>
  );
}
