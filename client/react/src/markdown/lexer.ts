import { Lexer, Marked, type Token, type Tokens } from "marked";

/** Deeper block quotes, lists and emphasis are shown as they are written. */
const DEEPEST = 12;
/** A run of text with more marks than this is shown as plain text: matching them takes time that grows with the square. */
const MOST_MARKS = 600;

/** A footnote's reference, such as `[^1]`. */
export interface FootnoteReference {
  readonly type: "footnoteReference";
  readonly raw: string;
  readonly label: string;
}

/** A footnote: `[^1]: text`. */
export interface Footnote {
  readonly type: "footnote";
  readonly raw: string;
  readonly label: string;
  readonly tokens: Token[];
}

const FOOTNOTE = /^ {0,3}\[\^([^\]\s]{1,80})\]:[ \t]*([^\n]*(?:\n[ \t]+\S[^\n]*)*)(?:\n+|$)/;
const REFERENCE = /^\[\^([^\]\s]{1,80})\]/;

const parser = new Marked({
  gfm: true,
  extensions: [
    {
      name: "footnote",
      level: "block",
      childTokens: ["tokens"],
      start: (source) => source.match(/\n {0,3}\[\^/)?.index,
      tokenizer(source): Tokens.Generic | undefined {
        const [raw, label, text] = FOOTNOTE.exec(source) ?? [];
        if (raw === undefined || label === undefined) return undefined;
        return { type: "footnote", raw, label, tokens: this.lexer.inline(text?.replace(/\n[ \t]+/g, "\n") ?? "") };
      },
    },
    {
      name: "footnoteReference",
      level: "inline",
      start: (source) => {
        const at = source.indexOf("[^");
        return at < 0 ? undefined : at;
      },
      tokenizer(source): Tokens.Generic | undefined {
        const [raw, label] = REFERENCE.exec(source) ?? [];
        return raw === undefined ? undefined : { type: "footnoteReference", raw, label };
      },
    },
  ],
});

/** The lexer of `marked` with bounded nesting, and with bounded time for marks that match nothing. */
class BoundedLexer extends Lexer {
  #blocks = 0;
  #inlines = 0;

  override blockTokens(source: string, tokens?: Token[], clipped?: boolean): never {
    if (this.#blocks >= DEEPEST) {
      const written = tokens ?? [];
      written.push({ type: "text", raw: source, text: source });
      return written as never;
    }
    this.#blocks += 1;
    try {
      const inner = Lexer.prototype.blockTokens as (...given: unknown[]) => unknown;
      return inner.call(this, source, tokens, clipped) as never;
    } finally {
      this.#blocks -= 1;
    }
  }

  override inlineTokens(source: string, tokens: Token[] = []): Token[] {
    if (this.#inlines >= DEEPEST || isDense(source)) {
      tokens.push({ type: "text", raw: source, text: source });
      return tokens;
    }
    this.#inlines += 1;
    try {
      return super.inlineTokens(source, tokens);
    } finally {
      this.#inlines -= 1;
    }
  }
}

function isDense(source: string): boolean {
  if (source.length <= MOST_MARKS) return false;
  let marks = 0;
  for (let at = 0; at < source.length; at += 1) {
    const code = source.charCodeAt(at);
    // * _ ~ [
    if (code === 42 || code === 95 || code === 126 || code === 91) marks += 1;
  }
  return marks > MOST_MARKS;
}

/** The top-level tokens of `source`, in which line ends are `\n`. `linked`: whether it has reference definitions. */
export function lex(source: string): { readonly tokens: readonly Token[]; readonly linked: boolean } {
  const lexer = new BoundedLexer(parser.defaults);
  const tokens = lexer.lex(source);
  return { tokens, linked: Object.keys(tokens.links).length > 0 };
}
