"use client";

import { memo, type ReactNode, useDeferredValue } from "react";
import Markdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import { useBlockOptions } from "../options.js";

/**
 * Text as GitHub Markdown. HTML is shown as text. Links lead only to web and mail addresses. Pictures are not loaded,
 * because a URL that a model writes could contain a person's data.
 */
export const TextBlock = memo(function TextBlock({ text }: { readonly text: string }) {
  // Parsing a long answer again with every word is slow, so React defers it behind the person's input.
  return <MarkdownText text={useDeferredValue(text)} />;
});

const MarkdownText = memo(function MarkdownText({ text }: { readonly text: string }) {
  return (
    <div className="tsr-text" dir="auto">
      <Markdown remarkPlugins={PLUGINS} components={COMPONENTS} urlTransform={safeUrl}>
        {text}
      </Markdown>
    </div>
  );
});

const PLUGINS = [remarkGfm];
const SAFE = new Set(["http:", "https:", "mailto:"]);

/** Returns `url` if it is an absolute web or mail address, else an empty string. */
export function safeUrl(url: string): string {
  // Relative addresses are rejected: `URL` throws without a base.
  try {
    return SAFE.has(new URL(url).protocol) ? url : "";
  } catch {
    return "";
  }
}

// Headings of an answer start below the page's headings.
const COMPONENTS: Components = {
  a: ({ href, children }) => <SafeLink href={href}>{children}</SafeLink>,
  img: ({ src, alt }) => <Picture src={typeof src === "string" ? src : undefined} alt={alt} />,
  h1: ({ children }) => <h3 dir="auto">{children}</h3>,
  h2: ({ children }) => <h4 dir="auto">{children}</h4>,
  h3: ({ children }) => <h5 dir="auto">{children}</h5>,
  h4: ({ children }) => <h6 dir="auto">{children}</h6>,
  h5: ({ children }) => <h6 dir="auto">{children}</h6>,
  // Each paragraph has its own direction, because an answer may quote a text in another language.
  p: ({ children }) => <p dir="auto">{children}</p>,
  ul: ({ children, className }) => (
    <ul dir="auto" className={className}>
      {children}
    </ul>
  ),
  ol: ({ children, start }) => (
    <ol dir="auto" start={start}>
      {children}
    </ol>
  ),
  table: ({ children }) => <TextTable>{children}</TextTable>,
  input: ({ checked }) => <ReadOnlyCheck done={checked === true} />,
};

function Picture({ src, alt }: { readonly src: string | undefined; readonly alt: string | undefined }) {
  const { wording } = useBlockOptions();
  return <SafeLink href={src}>{alt || wording.picture}</SafeLink>;
}

function TextTable({ children }: { readonly children: ReactNode }) {
  const { wording } = useBlockOptions();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable area must be reachable by keyboard
    <section className="tsr-scroll" aria-label={wording.blocks.table} tabIndex={0}>
      <table className="tsr-table">{children}</table>
    </section>
  );
}

/** The checkbox of a task list item. */
function ReadOnlyCheck({ done }: { readonly done: boolean }) {
  const { wording } = useBlockOptions();
  return <span role="img" className="tsr-check" aria-label={done ? wording.done : wording.notDone} />;
}

function SafeLink({ href, children }: { readonly href: string | undefined; readonly children: ReactNode }) {
  return href ? (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  ) : (
    <span>{children}</span>
  );
}
