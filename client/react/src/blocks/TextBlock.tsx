import { memo, useDeferredValue } from "react";
import Markdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";

/**
 * Text as Markdown (GitHub's). HTML in it is shown as it is written, links lead to web and mail addresses only, and
 * pictures are not loaded: an address that a model writes could carry a person's data away.
 */
export const TextBlock = memo(function TextBlock({ text }: { readonly text: string }) {
  // A long answer is read anew with every word; that work waits for whatever the person is doing.
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

/** `url` where it is an absolute address of the web or of mail, else nothing. */
export function safeUrl(url: string): string {
  // A page's own paths mean nothing in an answer: a relative address is refused, as URL does without a base.
  try {
    return SAFE.has(new URL(url).protocol) ? url : "";
  } catch {
    return "";
  }
}

// An answer is a part of a page, so its headings go below the page's own.
const COMPONENTS: Components = {
  a: ({ href, children }) => <SafeLink href={href}>{children}</SafeLink>,
  img: ({ src, alt }) => <SafeLink href={typeof src === "string" ? src : undefined}>{alt || "picture"}</SafeLink>,
  h1: ({ children }) => <h3>{children}</h3>,
  h2: ({ children }) => <h4>{children}</h4>,
  h3: ({ children }) => <h5>{children}</h5>,
  h4: ({ children }) => <h6>{children}</h6>,
  h5: ({ children }) => <h6>{children}</h6>,
  table: ({ children }) => (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="tsr-scroll" aria-label="Table" tabIndex={0}>
      <table className="tsr-table">{children}</table>
    </section>
  ),
  // The box of a task list item; the person can't tick what a model wrote.
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
