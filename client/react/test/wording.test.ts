import { expect, test } from "vitest";
import { ar, de, en, es, fr, ja } from "../src/index.js";
import { moreQuestions } from "../src/wording/wording.js";

const placeholders = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();

test.each([ar, de, es, fr, ja])("the wording in $language has the placeholders of the English one", (wording) => {
  for (const name of ["question", "named", "edited", "irreversible", "notAnObject"] as const) {
    expect(placeholders(wording[name])).toEqual(placeholders(en[name]));
    expect(wording[name]).not.toBe(en[name]);
  }
  for (const name of ["verbs", "refusals", "entities"] as const) {
    expect(Object.keys(wording[name])).toEqual(Object.keys(en[name]));
    expect(Object.values<string>(wording[name]).every((text) => text.trim() !== "")).toBe(true);
  }
});

test.each([ar, de, en, es, fr, ja])("the wording in $language has every plural form of 0 to 200", (wording) => {
  const forms = Array.from({ length: 201 }, (_, count) => new Intl.PluralRules(wording.language).select(count));
  expect(Object.keys(wording.more).sort()).toEqual([...new Set(forms)].sort());
});

test("a number of questions has its plural form", () => {
  expect(moreQuestions(en, 1)).toBe("1 more question");
  expect(moreQuestions(en, 2)).toBe("2 more questions");
  expect(moreQuestions(ar, 2)).toBe("سؤالان آخران");
});
