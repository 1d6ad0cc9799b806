import { useState } from "react";

/** Puts `text()` on the clipboard and says whether it is there. */
export function CopyButton({ text, what }: { readonly text: () => string; readonly what: string }) {
  const [outcome, setOutcome] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setOutcome("Copied");
    } catch {
      // Refused by the browser, or there is no clipboard: on a page that is not served securely, for one.
      setOutcome("Not copied: the browser does not allow it");
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
