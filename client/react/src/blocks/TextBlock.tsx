"use client";

import { memo, useDeferredValue, useState } from "react";
import { Blocks, Footnotes } from "../markdown/Blocks.js";
import { MarkdownDocument, type Parsed } from "../markdown/document.js";

export interface TextBlockProps {
  readonly text: string;
  /** More text may follow. Then only the end of the text is parsed again when it grows. */
  readonly open?: boolean;
}

/**
 * Text as GitHub Markdown. HTML is shown as text. Links lead only to web and mail addresses. Pictures are not loaded,
 * because a URL that a model writes could contain a person's data.
 */
export const TextBlock = memo(function TextBlock({ text, open = false }: TextBlockProps) {
  // The person's input goes first.
  return <MarkdownText text={useDeferredValue(text)} open={open} />;
});

const MarkdownText = memo(function MarkdownText({ text, open }: Required<TextBlockProps>) {
  const [document] = useState(() => new MarkdownDocument());
  const { groups, tail, notes } = document.update(text, open);
  return (
    <div className="tsr-text" dir="auto">
      <Settled groups={groups} />
      <Blocks tokens={tail} growing={open} />
      <Footnotes notes={notes} />
    </div>
  );
});

/** The blocks that do not change any more: most updates of a text leave them out. */
const Settled = memo(function Settled({ groups }: Pick<Parsed, "groups">) {
  return groups.map((tokens, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: groups never move
    <Blocks key={at} tokens={tokens} />
  ));
});
