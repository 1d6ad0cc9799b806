import { describe, expect, it, test } from "vitest";
import { ar, de, en, es, fr, ja, type Wording } from "../src/index.js";
import { blockName, counted, errorSentence, valueName } from "../src/wording/wording.js";

const LANGUAGES = [ar, de, es, fr, ja];
const placeholders = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();

function isPlural(value: object): boolean {
  return "other" in value;
}

/** The sentences by their path, without those with plural forms. */
function sentences(value: object, path = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, entry] of Object.entries(value) as [string, string | object][]) {
    if (typeof entry === "string") found.set(`${path}${name}`, entry);
    else if (!isPlural(entry)) for (const [key, text] of sentences(entry, `${path}${name}.`)) found.set(key, text);
  }
  return found;
}

function plurals(value: object): Record<string, string>[] {
  return Object.values(value).flatMap((entry: string | object) => {
    if (typeof entry === "string") return [];
    return isPlural(entry) ? [entry as Record<string, string>] : plurals(entry);
  });
}

describe.each(LANGUAGES)("the wording in $language", (wording) => {
  it("has every sentence of the English one, with its placeholders", () => {
    const [own, english] = [sentences(wording), sentences(en)];
    expect([...own.keys()].sort()).toEqual([...english.keys()].sort());
    for (const [name, text] of own) {
      expect(text.trim()).not.toBe("");
      if (name !== "failed") expect([name, placeholders(text)]).toEqual([name, placeholders(english.get(name) ?? "")]);
    }
  });

  it("is not in English", () => {
    // Some words are the same in several languages.
    const same = [...sentences(wording)].filter(
      ([name, text]) => /\w+ \w+/.test(text) && sentences(en).get(name) === text,
    );
    expect(same).toEqual([]);
  });

  it("shows the code of an unknown error, because the server's message for developers is in English", () => {
    expect(placeholders(wording.failed)).toEqual(["{code}"]);
  });
});

test.each([...LANGUAGES, en])("the wording in $language has every plural form of 0 to 200", (wording) => {
  const rules = new Intl.PluralRules(wording.language);
  const forms = [...new Set(Array.from({ length: 201 }, (_, count) => rules.select(count)))].sort();
  expect(plurals(wording)).toHaveLength(11);
  for (const sentence of plurals(wording)) expect(Object.keys(sentence).sort()).toEqual(forms);
});

test("a number has its plural form, and its digits", () => {
  expect(counted(en, en.more, 1)).toBe("1 more question");
  expect(counted(en, en.more, 2)).toBe("2 more questions");
  expect(counted(ar, ar.more, 2)).toBe("سؤالان آخران");
  expect(counted(de, de.rows, 1234)).toBe("1.234 Zeilen");
  expect(counted(ar, ar.rows, 12, "ar-EG")).toBe("١٢ صفًا");
});

test.each([
  ["done", "erledigt"],
  ["In_Progress", "in Arbeit"],
  ["waiting_for_paint", "waiting for paint"],
  ["constructor", "constructor"],
])("the status %s is shown as %s", (value, name) => {
  expect(valueName(de, value)).toBe(name);
});

test("a block of a newer server has a name", () => {
  expect(blockName(de, "chart")).toBe("Diagramm");
  expect(blockName(de, "hologram")).toBe("Abschnitt");
  expect(blockName(de, "toString")).toBe("Abschnitt");
});

test.each<[Wording, object, string]>([
  [de, { code: "model_busy", text: "Bitte warten." }, "Bitte warten."],
  [de, { code: "offline" }, de.errors.offline],
  [de, { code: "of_a_newer_server" }, "Die Antwort ist fehlgeschlagen (of_a_newer_server)."],
  [de, { code: "x", retryable: true }, "Die Antwort ist fehlgeschlagen (x). Versuchen Sie es noch einmal."],
  [en, { code: "x" }, "The answer failed: For developers."],
])("an error is shown in the person's words", (wording, fields, text) => {
  const error = { code: "", message: "For developers.", retryable: false, ...fields };
  expect(errorSentence(wording, error)).toBe(text);
});
