import { type FormEvent, type KeyboardEvent, useId, useRef, useState } from "react";
import { useWords } from "../words/words.js";

export interface ComposerProps {
  /** The id of the input field, for links to it. */
  readonly id?: string;
  readonly label: string;
  readonly placeholder: string;
  readonly onAsk: (message: string) => void;
  /** The earlier messages, oldest first. The arrow keys bring them back. */
  readonly earlier?: readonly string[];
  /** Something runs that `onStop` stops. */
  readonly running?: boolean;
  /** Returns whether something ran. */
  readonly onStop?: () => boolean;
  readonly autoFocus?: boolean;
}

/** An input of several lines: Enter sends, Shift+Enter starts a line, Escape stops, the arrow keys recall. */
export function Composer({ id: given, label, placeholder, onAsk, earlier = [], ...rest }: ComposerProps) {
  const { running = false, onStop, autoFocus = false } = rest;
  const words = useWords();
  const [message, setMessage] = useState("");
  // How many messages back the field shows; 0: the person's own text.
  const [back, setBack] = useState(0);
  const field = useRef<HTMLTextAreaElement>(null);
  const own = useId();
  const id = given ?? own;
  const send = () => {
    const text = message.trim();
    if (text === "") return;
    setMessage("");
    setBack(0);
    onAsk(text);
  };
  const recall = (steps: number) => {
    const text = steps === 0 ? "" : (earlier.at(-steps) ?? "");
    setBack(steps);
    setMessage(text);
    // After the text has changed, so that typing goes on behind it.
    requestAnimationFrame(() => field.current?.setSelectionRange(text.length, text.length));
  };
  const press = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    // The Enter that ends the input of Japanese or Chinese text does not send.
    if (event.nativeEvent.isComposing) return;
    const recalling = message === "" || back > 0;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === "Escape" && onStop?.()) {
      event.preventDefault();
      event.stopPropagation();
    } else if (event.key === "ArrowUp" && recalling && back < earlier.length) {
      event.preventDefault();
      recall(back + 1);
    } else if (event.key === "ArrowDown" && back > 0) {
      event.preventDefault();
      recall(back - 1);
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    send();
  };
  return (
    <form className="composer" onSubmit={submit}>
      <label htmlFor={id} className="hidden">
        {label}
      </label>
      <textarea
        ref={field}
        id={id}
        rows={1}
        dir="auto"
        value={message}
        placeholder={placeholder}
        autoComplete="off"
        enterKeyHint="send"
        // biome-ignore lint/a11y/noAutofocus: the field is what the page or a popup that was just opened is for
        autoFocus={autoFocus}
        onKeyDown={press}
        onChange={(event) => {
          setMessage(event.target.value);
          setBack(0);
        }}
      />
      {running && message.trim() === "" ? (
        <button type="button" className="primary" onClick={() => onStop?.()}>
          {words.stop}
        </button>
      ) : (
        <button type="submit" className="primary" disabled={message.trim() === ""}>
          {words.send}
        </button>
      )}
    </form>
  );
}
