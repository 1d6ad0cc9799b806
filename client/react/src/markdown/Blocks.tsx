"use client";

import type { MarkedToken, Token, Tokens } from "marked";
import { memo, type ReactNode } from "react";
import { useBlockOptions } from "../options.js";
import { CodeBlock } from "./CodeBlock.js";
import { Inline } from "./Inline.js";
import type { Footnote } from "./lexer.js";

/** Blocks that are drawn again only when their array changes. `growing`: more text may follow. */
export const Blocks = memo(function Blocks({
  tokens,
  growing = false,
}: {
  readonly tokens: readonly Token[];
  readonly growing?: boolean;
}) {
  return tokens.map((token, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the blocks of a text never move
    <BlockToken key={at} token={token} growing={growing && at === tokens.length - 1} />
  ));
});

const BlockToken = memo(function BlockToken({ token, growing }: { readonly token: Token; readonly growing: boolean }) {
  return drawn(token as MarkedToken | Footnote, growing);
});

function drawn(token: MarkedToken | Footnote, growing: boolean): ReactNode {
  switch (token.type) {
    case "heading":
      return <Heading depth={token.depth} tokens={token.tokens} />;
    // Each paragraph has its own direction, because an answer may quote a text in another language.
    case "paragraph":
      return (
        <p dir="auto">
          <Inline tokens={token.tokens} />
        </p>
      );
    case "text":
      return token.tokens === undefined ? <p dir="auto">{token.text}</p> : <Inline tokens={token.tokens} />;
    case "code":
      return <CodeBlock code={token.text} language={token.lang} growing={growing} />;
    case "blockquote":
      return (
        <blockquote dir="auto">
          <Blocks tokens={token.tokens} />
        </blockquote>
      );
    case "list":
      return <List list={token} />;
    case "table":
      return <TextTable table={token} />;
    case "hr":
      return <hr />;
    case "html":
      return (
        <p dir="auto" className="tsr-written">
          {token.raw.trim()}
        </p>
      );
    case "space":
    case "def":
    case "footnote": // at the end of the text
      return null;
    default:
      return <p dir="auto">{token.raw}</p>;
  }
}

// Headings of an answer start below the page's headings.
const HEADINGS = ["h3", "h4", "h5", "h6"] as const;

function Heading({ depth, tokens }: { readonly depth: number; readonly tokens: readonly Token[] }) {
  const Tag = HEADINGS[Math.min(depth, HEADINGS.length) - 1] ?? "h6";
  return (
    <Tag dir="auto">
      <Inline tokens={tokens} />
    </Tag>
  );
}

function List({ list }: { readonly list: Tokens.List }) {
  const items = list.items.map((item, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the items of a list never move
    <li key={at} className={item.task ? "tsr-task" : undefined}>
      {item.task ? <ReadOnlyCheck done={item.checked === true} /> : null}
      {item.task ? (
        <span>
          <ItemContent item={item} />
        </span>
      ) : (
        <ItemContent item={item} />
      )}
    </li>
  ));
  const className = list.items.some(({ task }) => task) ? "tsr-tasks" : undefined;
  return list.ordered ? (
    <ol dir="auto" className={className} start={list.start === "" || list.start === 1 ? undefined : list.start}>
      {items}
    </ol>
  ) : (
    <ul dir="auto" className={className}>
      {items}
    </ul>
  );
}

function ItemContent({ item }: { readonly item: Tokens.ListItem }) {
  return item.tokens.map((token, at) =>
    token.type === "checkbox" ? null : (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of an item never move
      <BlockToken key={at} token={token} growing={false} />
    ),
  );
}

/** The checkbox of a task list item. */
function ReadOnlyCheck({ done }: { readonly done: boolean }) {
  const { wording } = useBlockOptions();
  return <span role="img" className="tsr-check" data-done={done} aria-label={done ? wording.done : wording.notDone} />;
}

const ALIGNED = { center: "tsr-center", right: "tsr-number", left: undefined } as const;

function TextTable({ table }: { readonly table: Tokens.Table }) {
  const { wording } = useBlockOptions();
  const classOf = (column: number) => ALIGNED[table.align[column] ?? "left"];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable area must be reachable by keyboard
    <section className="tsr-scroll" aria-label={wording.blocks.table} tabIndex={0}>
      <table className="tsr-table">
        <thead>
          <tr>
            {table.header.map((cell, column) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: columns never move
              <th key={column} scope="col" dir="auto" className={classOf(column)}>
                <Inline tokens={cell.tokens} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows never move
            <tr key={at}>
              {row.map((cell, column) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: columns never move
                <td key={column} dir="auto" className={classOf(column)}>
                  <Inline tokens={cell.tokens} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The footnotes at the end of a text. */
export function Footnotes({ notes }: { readonly notes: readonly Footnote[] }) {
  const { wording } = useBlockOptions();
  if (notes.length === 0) return null;
  return (
    <section className="tsr-footnotes" aria-label={wording.footnotes}>
      {notes.map((note, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: two footnotes may have the same label
        <p key={at} dir="auto">
          <sup>{note.label}</sup> <Inline tokens={note.tokens} />
        </p>
      ))}
    </section>
  );
}
