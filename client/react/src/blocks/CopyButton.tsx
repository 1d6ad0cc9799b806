import { useState } from "react";

/** Copies `text()` to the clipboard and shows whether this succeeded. */
export function CopyButton({ text, what }: { readonly text: () => string; readonly what: string }) {
  const [outcome, setOutcome] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setOutcome("Copied");
    } catch {
      // The browser refused, or it has no clipboard, as in an insecure context.
      setOutcome("Not copied: the browser does not allow access to the clipboard");
    }
  };
  return (
    <span className="tsr-copy">
      <span role="status" className="tsr-muted">
        {outcome}
      </span>
      <button type="button" className="tsr-button" onClick={copy} onBlur={() => setOutcome("")}>
        Copy {what}
      </button>
    </span>
  );
}
