import { type FormEvent, useId, useState } from "react";

export interface ComposerProps {
  /** The id of the input field, for links to it. */
  readonly id?: string;
  readonly label: string;
  readonly placeholder: string;
  readonly onAsk: (message: string) => void;
  readonly autoFocus?: boolean;
}

/** An input line for questions. */
export function Composer({ id: given, label, placeholder, onAsk, autoFocus = false }: ComposerProps) {
  const [message, setMessage] = useState("");
  const own = useId();
  const id = given ?? own;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const text = message.trim();
    if (text === "") return;
    onAsk(text);
    setMessage("");
  };
  return (
    <form className="composer" onSubmit={submit}>
      <label htmlFor={id} className="hidden">
        {label}
      </label>
      <input
        id={id}
        value={message}
        placeholder={placeholder}
        autoComplete="off"
        // biome-ignore lint/a11y/noAutofocus: only in a popup that the person has just opened
        autoFocus={autoFocus}
        onChange={(event) => setMessage(event.target.value)}
      />
      <button type="submit" className="primary" disabled={message.trim() === ""}>
        Ask
      </button>
    </form>
  );
}
