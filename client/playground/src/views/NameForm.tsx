import { TesseraError } from "@tessera/client";
import { type FormEvent, useId, useState } from "react";
import { LEAST_PASSWORD, sentence } from "../session/account.js";
import type { Session } from "../session/session.js";
import { signInWordsOf } from "../words/sign-in.js";
import { fill, useWords } from "../words/words.js";

interface NameFormProps {
  readonly session: Session;
  readonly onClose: () => void;
}

/** Gives the guest account an address and a password. Asks for the code from the mail if the server sends one. */
export function NameForm({ session, onClose }: NameFormProps) {
  const words = useWords();
  const fields = signInWordsOf(words.language);
  const heading = useId();
  const [busy, setBusy] = useState(false);
  const [isSent, setSent] = useState(false);
  const [fault, setFault] = useState("");

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const given = (name: string) => String(form.get(name) ?? "").trim();
    setBusy(true);
    setFault("");
    try {
      await session.nameAccount({
        email: given("email"),
        password: String(form.get("password")),
        code: given("code"),
      });
      session.notice(fill(words.accountKept, { email: session.account.snapshot.email }));
      onClose();
    } catch (error) {
      const sent = error instanceof TesseraError && error.code === "verification_sent";
      if (sent) setSent(true);
      else setFault(sentence(error));
      setBusy(false);
    }
  };

  return (
    <form
      className="popup naming"
      aria-labelledby={heading}
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key === "Escape") onClose();
      }}
    >
      <h2 id={heading}>{words.keepAccount}</h2>
      <p className="muted">{words.keepAccountHint}</p>
      <label>
        {fields.email}
        {/* biome-ignore lint/a11y/noAutofocus: the person has just opened the form */}
        <input name="email" type="email" autoComplete="username" required autoFocus />
      </label>
      <label>
        {fields.password}
        <input
          name="password"
          type="password"
          autoComplete="new-password"
          minLength={LEAST_PASSWORD}
          required
          placeholder={fill(fields.passwordRule, { count: LEAST_PASSWORD })}
        />
      </label>
      {isSent ? (
        <label>
          {fields.code}
          <input name="code" autoComplete="one-time-code" required />
        </label>
      ) : null}
      <p role="status" className="muted">
        {isSent ? fields.codeSent : ""}
      </p>
      <p role="alert" className="fault">
        {fault}
      </p>
      <div className="buttons">
        <button type="submit" className="primary" disabled={busy}>
          {words.save}
        </button>
        <button type="button" onClick={onClose}>
          {words.later}
        </button>
      </div>
    </form>
  );
}
