"use client";

import { useState } from "react";
import { useBlockOptions } from "../options.js";

/** The button that copies a table: `text()` goes the clipboard. It shows whether this succeeded. */
export function CopyButton({ text }: { readonly text: () => string }) {
  const { wording } = useBlockOptions();
  const [outcome, setOutcome] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setOutcome(wording.copied);
    } catch {
      // The browser refused, or it has no clipboard, as in an insecure context.
      setOutcome(wording.notCopied);
    }
  };
  return (
    <span className="tsr-copy">
      <span role="status" className="tsr-muted">
        {outcome}
      </span>
      <button type="button" className="tsr-button" onClick={copy} onBlur={() => setOutcome("")}>
        {wording.copyTable}
      </button>
    </span>
  );
}
