import { ar } from "./ar.js";
import { de } from "./de.js";
import { en, type Words } from "./en.js";
import { es } from "./es.js";
import { fr } from "./fr.js";
import { ja } from "./ja.js";

export const LANGUAGES: Readonly<Record<string, Words>> = { ar, de, en, es, fr, ja };

/** The page's texts in a language; in English if there are none. */
export function wordsOf(language: string): Words {
  return LANGUAGES[language] ?? en;
}
