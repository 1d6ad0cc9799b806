import type { Token } from "marked";
import { type Footnote, lex } from "./lexer.js";

/** The blocks of a text. Groups and tokens that have not changed are the same objects as before. */
export interface Parsed {
  readonly groups: readonly (readonly Token[])[];
  /** The blocks that may change when more text arrives. */
  readonly tail: readonly Token[];
  /** The footnotes of all blocks. */
  readonly notes: readonly Footnote[];
}

/** Blocks are compared by group, so that a long answer costs little per word. */
const GROUP = 32;
/** The last blocks of a growing text: the next line can still change them. */
const UNSETTLED = 2;
/** A long tail is parsed again only after it has grown by this share, so that one huge block costs no square of its size. */
const SHARE = 1 / 32;
/** Characters of a tail that must grow by a larger share: nobody reads it as it arrives. */
const HUGE = 16_384;
const HUGE_SHARE = 1 / 8;

/** The Markdown of one text that may still grow. Each block is parsed until the text goes on behind it. */
export class MarkdownDocument {
  #given = "";
  /** What was given, with line ends as `\n`. */
  #text = "";
  #hasReturns = false;
  /** Where the tail begins, and up to where it was parsed. */
  #settled = 0;
  #parsedTo = 0;
  #growing = true;
  #groups: (readonly Token[])[] = [];
  /** The footnotes of the groups. */
  #notes: readonly Footnote[] = [];
  #parsed: Parsed = { groups: [], tail: [], notes: [] };
  /** How many characters were parsed in total, for the tests of its cost. */
  cost = 0;

  /** Parse `text`. While it is `growing`, the end of a long block may be missing in the result. */
  update(text: string, growing: boolean): Parsed {
    // Comparing slices is ten times as fast as `startsWith`, and most updates cost little more than this.
    const goesOn = text.slice(0, this.#given.length) === this.#given;
    if (goesOn && text.length === this.#given.length && growing === this.#growing) return this.#parsed;
    const settled = goesOn && growing && this.#growing;
    this.#hasReturns = (goesOn && this.#hasReturns) || text.includes("\r", goesOn ? this.#given.length : 0);
    this.#given = text;
    this.#text = this.#hasReturns ? text.replace(/\r\n?/g, "\n") : text;
    this.#growing = growing;
    if (!settled) {
      this.#whole();
    } else {
      const tail = this.#parsedTo - this.#settled;
      if (this.#text.length - this.#parsedTo >= tail * (tail > HUGE ? HUGE_SHARE : SHARE)) this.#rest();
    }
    return this.#parsed;
  }

  /** Parse everything, and keep the tokens that are the same. */
  #whole(): void {
    const before = [...this.#groups.flat(), ...this.#parsed.tail];
    const { tokens, linked } = this.#lex(0);
    const kept = tokens.map((token, at) => {
      const known = before[at];
      // A definition of a link may be behind its use.
      return !linked && known?.raw === token.raw && known.type === token.type ? known : token;
    });
    this.#groups = [];
    this.#notes = [];
    this.#settled = 0;
    if (this.#growing) {
      this.#settle(kept);
    } else {
      const groups: (readonly Token[])[] = [];
      for (let at = 0; at < kept.length; at += GROUP) groups.push(kept.slice(at, at + GROUP));
      this.#parsed = { groups, tail: [], notes: kept.filter(isFootnote) };
      this.#groups = groups;
    }
  }

  #rest(): void {
    this.#settle(this.#lex(this.#settled).tokens);
  }

  /** Move the tokens that cannot change any more from the tail into the groups. */
  #settle(tokens: readonly Token[]): void {
    let open = 0;
    let end = tokens.length;
    while (end > 0 && open < UNSETTLED) {
      end -= 1;
      if (tokens[end]?.type !== "space") open += 1;
    }
    const length = tokens.slice(0, end).reduce((sum, { raw }) => sum + raw.length, 0);
    if (open === UNSETTLED && end > 0 && this.#text.startsWith(tokens[end]?.raw ?? "", this.#settled + length)) {
      this.#settled += length;
      for (const token of tokens.slice(0, end)) this.#add(token);
      this.#show([...this.#groups], tokens.slice(end));
    } else {
      const unchanged = this.#parsed.tail.length > 0 && this.#parsed.groups.length === this.#groups.length;
      this.#show(unchanged ? this.#parsed.groups : [...this.#groups], tokens);
    }
  }

  #show(groups: Parsed["groups"], tail: readonly Token[]): void {
    const open = tail.filter(isFootnote);
    this.#parsed = { groups, tail, notes: open.length === 0 ? this.#notes : [...this.#notes, ...open] };
  }

  #add(token: Token): void {
    if (isFootnote(token)) this.#notes = [...this.#notes, token];
    const last = this.#groups.at(-1);
    if (last === undefined || last.length >= GROUP) this.#groups.push([token]);
    else this.#groups[this.#groups.length - 1] = [...last, token];
  }

  #lex(from: number): ReturnType<typeof lex> {
    const source = this.#text.slice(from);
    this.cost += source.length;
    this.#parsedTo = this.#text.length;
    return lex(source);
  }
}

function isFootnote(token: Token): token is Token & Footnote {
  return token.type === "footnote";
}
