import { STATES } from "../session/states.js";
import { LANGUAGES } from "../words/languages.js";
import { signInWordsOf } from "../words/sign-in.js";

/** The texts of the first screen in one language. */
export interface FirstTexts {
  readonly ask: string;
  readonly placeholder: string;
  readonly send: string;
  readonly hint: string;
  readonly welcome: string;
  readonly intro: string;
  readonly suggestions: string;
  readonly suggestionList: readonly string[];
  readonly loading: string;
  readonly connecting: string;
  readonly unsent: string;
  readonly notLoaded: string;
}

/** The texts of the first screen by language. The build puts them into the page. */
export function firstTexts(): Readonly<Record<string, FirstTexts>> {
  return Object.fromEntries(
    Object.entries(LANGUAGES).map(([language, words]) => {
      const { ask, placeholder, send, hint, welcome, intro, suggestions, suggestionList, loading, unsent } = words;
      const connecting = STATES[language]?.connecting ?? "";
      const texts = { ask, placeholder, send, hint, welcome, intro, suggestions, suggestionList, loading, unsent };
      return [language, { ...texts, connecting, notLoaded: signInWordsOf(language).notLoaded }];
    }),
  );
}
