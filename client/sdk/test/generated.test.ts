import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
// @ts-expect-error a script, without types
import { generate, target } from "../scripts/generate-types.mjs";

test("the generated types match the schema", async () => {
  expect(await readFile(target as URL, "utf8"), "run `make schema`").toBe(await generate());
});
