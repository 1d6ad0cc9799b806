import { memo, useDeferredValue } from "react";
import Markdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";

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
    <div className="tsr-text">
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
  img: ({ src, alt }) => <SafeLink href={typeof src === "string" ? src : undefined}>{alt || "picture"}</SafeLink>,
  h1: ({ children }) => <h3>{children}</h3>,
  h2: ({ children }) => <h4>{children}</h4>,
  h3: ({ children }) => <h5>{children}</h5>,
  h4: ({ children }) => <h6>{children}</h6>,
  h5: ({ children }) => <h6>{children}</h6>,
  table: ({ children }) => (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable area must be reachable by keyboard
    <section className="tsr-scroll" aria-label="Table" tabIndex={0}>
      <table className="tsr-table">{children}</table>
    </section>
  ),
  // The checkbox of a task list item. It is read-only.
  input: ({ checked }) => <span role="img" className="tsr-check" aria-label={checked ? "done" : "not done"} />,
};

function SafeLink({ href, children }: { readonly href: string | undefined; readonly children: React.ReactNode }) {
  return href ? (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  ) : (
    <span>{children}</span>
  );
}
