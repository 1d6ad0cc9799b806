import type { AnswerTool, Entity, Verb } from "@tessera/client";
import type { ChartType } from "../data/chart.js";

/** A sentence with `{count}`, by plural form. */
export type Plural = Readonly<Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }>;

/** The types of blocks that this version draws. */
export type BlockName = "text" | "chart" | "table" | "timeline" | "entity_ref";

/** Errors that the SDK detects itself, or for which a server may send no text. */
export type WordedError =
  | "answer_cut"
  | "closed"
  | "connection_failed"
  | "disconnected"
  | "lost"
  | "offline"
  | "timeout"
  | "token_refused"
  | "token_unavailable"
  | "too_large";

/** The sentences of the components in one language. Placeholders are in braces; a comment names those of each sentence. */
export interface Wording {
  /** BCP 47. It also chooses the plural forms. */
  readonly language: string;
  readonly direction: "ltr" | "rtl";

  // The state of an answer
  readonly thinking: string;
  /** While a tool reads items. */
  readonly reading: Readonly<Record<Entity, string>>;
  /** While a tool changes an item: `what`, of `entities`. */
  readonly changing: Readonly<Record<Exclude<Verb, "list" | "get">, string>>;
  /** While a tool of a newer server runs. */
  readonly working: string;
  /** While the person is asked about a call. */
  readonly deciding: string;
  readonly answering: string;
  readonly complete: string;
  readonly stopped: string;
  /** Why the model's answer is incomplete, by `finish`. */
  readonly incomplete: Readonly<Record<"length" | "content_filter" | "tool_limit", string>>;
  /** For an error without a sentence. `message` (the server's, in English) or `code`. */
  readonly failed: string;
  readonly tryAgain: string;
  readonly errors: Readonly<Record<WordedError, string>>;

  // Any block
  readonly blocks: Readonly<Record<BlockName, string>>;
  /** A block of a type that is not in `blocks`. */
  readonly otherBlock: string;
  /** `block`. */
  readonly loading: string;
  /** `block`. */
  readonly undrawable: string;
  readonly untitled: string;
  /** The label of a picture without a description. */
  readonly picture: string;
  /** The name of the list of a text's footnotes. */
  readonly footnotes: string;
  readonly done: string;
  readonly notDone: string;
  readonly suggested: string;

  // Charts
  readonly charts: Readonly<Record<ChartType, string>>;
  /** `chart`. */
  readonly chartLabel: string;
  /** The button that shows a chart's data as a table. */
  readonly figures: string;
  /** The heading of the column of points that have no name. */
  readonly point: string;
  /** A point without a label. */
  readonly none: string;
  readonly morePoints: Plural;
  readonly moreEntries: Plural;

  // Tables
  readonly rows: Plural;
  /** `rows`. */
  readonly tableLabel: string;
  /** `number`: for a column without a heading. */
  readonly column: string;
  readonly yes: string;
  readonly no: string;
  readonly copyTable: string;
  readonly copyCode: string;
  readonly copied: string;
  readonly notCopied: string;

  // Items and timelines
  readonly items: Readonly<Record<Entity, Plural>>;
  readonly noItems: Readonly<Record<Entity, string>>;
  /** `date`. */
  readonly due: string;
  /** `date`: the date of an overdue task. */
  readonly late: string;
  /** Names of statuses and priorities. Others are shown as the application writes them. */
  readonly values: Readonly<Record<string, string>>;
  readonly emptyTimeline: string;
  /** `checkpoints`. */
  readonly timelineLabel: string;
  readonly today: string;

  // The approval question
  readonly verbs: Readonly<Record<Verb, string>>;
  /** The button that refuses a call. */
  readonly refusals: Readonly<Record<Verb, string>>;
  readonly entities: Readonly<Record<Entity, string>>;
  /** `verb`, `what`. */
  readonly question: string;
  /** `name`. */
  readonly named: string;
  /** Only for a deletion that cannot be undone. */
  readonly irreversible: string;
  /** For a deletion on another device: it cannot be undone on this one. */
  readonly irreversibleHere: string;
  readonly otherDevice: string;
  /** The names of the items' fields. Others are spelled out: `someField` is "some field". */
  readonly fields: Readonly<Record<string, string>>;
  /** `field`. */
  readonly notAValue: string;
  /** `time`. */
  readonly timeLeft: string;
  /** `verb`. */
  readonly edited: string;
  readonly more: Plural;

  // Undo
  readonly changesMade: Plural;
  readonly undo: string;
  readonly undone: string;
  /** Changes that stay because their items were changed since, or are gone. */
  readonly notUndone: Plural;
  readonly dismiss: string;

  // The memories that an answer used
  readonly memoriesUsed: Plural;
  readonly forget: string;
  readonly correct: string;
  readonly forgotten: string;
  readonly notForgotten: string;
}

/** `text` with its placeholders replaced. */
export function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

/** The sentence for `count`, with the number in the digits of `locale`. */
export function counted(wording: Wording, forms: Plural, count: number, locale?: string): string {
  const form = new Intl.PluralRules(wording.language).select(count);
  return fill(forms[form] ?? forms.other, { count: count.toLocaleString(locale ?? wording.language) });
}

/** The name of a block type for people. */
export function blockName(wording: Wording, blockType: string): string {
  return own(wording.blocks, blockType) ?? wording.otherBlock;
}

/** The name of a status or a priority for people: `in_progress` is "in progress" if the wording has no name for it. */
export function valueName(wording: Wording, value: string): string {
  return own(wording.values, value.toLowerCase()) ?? value.replaceAll("_", " ");
}

/** What an error means for the person: the server's sentence if it sent one. */
/** What the assistant is doing on the device, such as "Reading your tasks…"; undefined if no tool runs. */
export function activity(wording: Wording, tools: readonly AnswerTool[]): string | undefined {
  if (tools.some(({ state }) => state === "waiting_for_approval")) return wording.deciding;
  const tool = tools.findLast(({ state }) => state === "started");
  if (tool === undefined) return undefined;
  const { verb, entity } = tool;
  if (verb === null || entity === null) return wording.working;
  if (verb === "list" || verb === "get") return wording.reading[entity];
  return fill(wording.changing[verb], { what: wording.entities[entity] });
}

export function errorSentence(
  wording: Wording,
  error: {
    readonly code: string;
    readonly message: string;
    readonly text?: string | undefined;
    retryable: boolean;
  } | null,
): string {
  if (error?.text) return error.text;
  const known = error === null ? undefined : own(wording.errors, error.code);
  if (known !== undefined) return known;
  const failed = fill(wording.failed, { message: error?.message ?? "", code: error?.code ?? "" });
  return error?.retryable ? `${failed} ${wording.tryAgain}` : failed;
}

function own(names: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(names, name) ? names[name] : undefined;
}
