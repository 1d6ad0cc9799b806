import { en, type Words } from "./en.js";

const LANGUAGES: Readonly<Record<string, Words>> = { en };

/** The page's texts in a language; in English if there are none. */
export function wordsOf(language: string): Words {
  return LANGUAGES[language] ?? en;
}
