import type { Entity, Verb } from "@tessera/client";

/** The sentences of the approval question in one language. Placeholders are in braces. */
export interface Wording {
  /** BCP 47. It also chooses the plural form of `more`. */
  readonly language: string;
  readonly verbs: Readonly<Record<Verb, string>>;
  /** The button that refuses a call. */
  readonly refusals: Readonly<Record<Verb, string>>;
  readonly entities: Readonly<Record<Entity, string>>;
  /** `verb`, `what`. */
  readonly question: string;
  /** `name`. */
  readonly named: string;
  readonly irreversible: string;
  readonly editable: string;
  readonly otherDevice: string;
  readonly args: string;
  readonly notAnObject: string;
  /** `verb`. */
  readonly edited: string;
  /** `count`, by plural form. */
  readonly more: Readonly<Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }>;
}

/** `text` with its placeholders replaced. */
export function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

/** How many more questions wait. */
export function moreQuestions(wording: Wording, count: number): string {
  const form = new Intl.PluralRules(wording.language).select(count);
  const number = new Intl.NumberFormat(wording.language).format(count);
  return fill(wording.more[form] ?? wording.more.other, { count: number });
}
