import { expect, test } from "vitest";
import { en } from "../src/words/en.js";
import { wordsOf } from "../src/words/languages.js";
import { languageOf, signInWordsOf } from "../src/words/sign-in.js";

/** Each text of `words` with its path. */
function texts(words: object, path = ""): [string, string][] {
  return Object.entries(words).flatMap(([name, value]): [string, string][] =>
    typeof value === "string" ? [[`${path}${name}`, value]] : texts(value as object, `${path}${name}.`),
  );
}

const names = (text: string | undefined) => [...(text ?? "").matchAll(/\{\w+\}/g)].map(String).sort();

test.each(["de", "fr", "es", "ja", "ar"])("the words in %s are translated and have the same values", (language) => {
  const words = wordsOf(language);
  expect(words.language).toBe(language);
  const translated = new Map(texts(words));
  for (const [path, text] of texts(en)) {
    expect(names(translated.get(path)), path).toEqual(names(text));
    expect(translated.get(path), path).not.toBe("");
  }
  for (const name of ["send", "keepAccount", "keepAccountHint", "later"] as const) {
    expect(words[name]).not.toBe(en[name]);
  }
  const { memoryPanel, suggestionList, popupIdeas } = words;
  for (const [path, text] of texts({ memoryPanel, suggestionList, popupIdeas })) {
    expect(translated.get(path)).toBe(text);
    expect(text, path).not.toBe(new Map(texts(en)).get(path));
  }
  const before = signInWordsOf(language);
  for (const [path, text] of texts(signInWordsOf("en"))) {
    const own = before[path as keyof typeof before];
    expect(names(own), path).toEqual(names(text));
    if (path !== "email") expect(own, path).not.toBe(text);
  }
});

test.each([
  [["nl", "AR-eg", "en"], "ar"],
  [["constructor", "nl"], "en"],
  [[], "en"],
])("the sign-in form for %j is in %s", (tags, language) => expect(languageOf(tags)).toBe(language));

test("an unknown language is English", () => expect(wordsOf("nl")).toBe(en));
