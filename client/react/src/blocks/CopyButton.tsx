"use client";

import { useState } from "react";
import { useBlockOptions } from "../options.js";

/** A button that copies `text()` to the clipboard, and shows whether this succeeded. Default label: that of a table. */
export function CopyButton({ text, label }: { readonly text: () => string; readonly label?: string }) {
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
        {label ?? wording.copyTable}
      </button>
    </span>
  );
}
