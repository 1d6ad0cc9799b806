import { ar, de, en } from "@tessera/react";
import { expect, test } from "vitest";
import { wordingOf } from "../src/session/wording.js";

test.each([
  [["de-AT", "en"], de],
  [["nl", "AR-eg", "en"], ar],
  [["nl"], en],
  [[], en],
])(
  "the answers for the browser's languages %j are worded in the first one that has a wording",
  (languages, wording) => {
    expect(wordingOf(languages)).toBe(wording);
  },
);
