"use client";

import type { MarkedToken, Token } from "marked";
import { Fragment, type ReactNode } from "react";
import { useBlockOptions } from "../options.js";
import { decodeEntities } from "./entities.js";
import type { FootnoteReference } from "./lexer.js";
import { SafeLink } from "./links.js";

/** The tokens of a run of text. HTML is shown as plain text. Pictures become links. */
export function Inline({ tokens }: { readonly tokens: readonly Token[] | undefined }): ReactNode {
  return tokens?.map((token, at) => {
    // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text never move
    return <Fragment key={at}>{drawn(token as MarkedToken | FootnoteReference)}</Fragment>;
  });
}

function drawn(token: MarkedToken | FootnoteReference): ReactNode {
  switch (token.type) {
    case "text":
      return "tokens" in token && token.tokens !== undefined ? (
        <Inline tokens={token.tokens} />
      ) : (
        decodeEntities(token.text)
      );
    case "escape":
      return token.text;
    case "strong":
      return (
        <strong>
          <Inline tokens={token.tokens} />
        </strong>
      );
    case "em":
      return (
        <em>
          <Inline tokens={token.tokens} />
        </em>
      );
    case "del":
      return (
        <del>
          <Inline tokens={token.tokens} />
        </del>
      );
    case "codespan":
      return <code>{token.text}</code>;
    case "br":
      return <br />;
    case "link":
      return (
        <SafeLink href={decodeEntities(token.href)}>
          <Inline tokens={token.tokens} />
        </SafeLink>
      );
    case "image":
      return <Picture href={decodeEntities(token.href)} text={decodeEntities(token.text)} />;
    case "checkbox":
      return null; // the list item draws it
    case "footnoteReference":
      return <sup className="tsr-footnote-ref">{token.label}</sup>;
    default:
      return token.raw;
  }
}

function Picture({ href, text }: { readonly href: string; readonly text: string }) {
  const { wording } = useBlockOptions();
  return <SafeLink href={href}>{text || wording.picture}</SafeLink>;
}
