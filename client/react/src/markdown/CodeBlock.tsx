"use client";

import { useEffect, useState } from "react";
import { CopyButton } from "../blocks/CopyButton.js";
import { useBlockOptions } from "../options.js";
import type { Segment } from "./highlight.js";

/** Longer code is not highlighted. */
const LONGEST = 50_000;

interface CodeBlockProps {
  readonly code: string;
  readonly language: string | undefined;
  /** More code may follow: it is highlighted when it is complete. */
  readonly growing: boolean;
}

/** Code with its language, and a button that copies it. The highlighter is loaded for the first code with a language. */
export function CodeBlock({ code, language, growing }: CodeBlockProps) {
  const { wording } = useBlockOptions();
  const name = /^[\w+#.-]{1,30}/.exec(language ?? "")?.[0];
  const segments = useHighlighted(code, growing ? undefined : name);
  return (
    <div className="tsr-code">
      <div className="tsr-code-head">
        <span className="tsr-muted">{name}</span>
        <CopyButton text={() => code} label={wording.copyCode} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable area must be reachable by keyboard */}
      <pre dir="ltr" tabIndex={0}>
        <code>
          {segments === undefined
            ? code
            : segments.map(({ text, className }, at) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: the parts of code never move
                <span key={at} className={className}>
                  {text}
                </span>
              ))}
        </code>
      </pre>
    </div>
  );
}

function useHighlighted(code: string, language: string | undefined): readonly Segment[] | undefined {
  const [shown, setShown] = useState<{ readonly code: string; readonly segments: readonly Segment[] | undefined }>();
  useEffect(() => {
    if (language === undefined || code.length > LONGEST) return undefined;
    let current = true;
    import("./highlight.js").then(
      ({ highlight }) => {
        if (current) setShown({ code, segments: highlight(code, language) });
      },
      () => undefined, // the code stays plain, for example without a connection
    );
    return () => {
      current = false;
    };
  }, [code, language]);
  return shown?.code === code ? shown.segments : undefined;
}
