import { createContext, useContext } from "react";
import { en, type Words } from "./en.js";

const WordsContext = createContext<Words>(en);

export const WordsProvider = WordsContext.Provider;

/** The page's own texts in the person's language. */
export function useWords(): Words {
  return useContext(WordsContext);
}

/** `text` with each `{name}` replaced by its value. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export type { Words };
