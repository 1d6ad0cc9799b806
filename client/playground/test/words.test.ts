import { expect, test } from "vitest";
import { en } from "../src/words/en.js";
import { wordsOf } from "../src/words/languages.js";

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
  expect(words.send).not.toBe(en.send);
});

test("an unknown language is English", () => expect(wordsOf("nl")).toBe(en));
