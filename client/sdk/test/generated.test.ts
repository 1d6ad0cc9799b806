import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
// @ts-expect-error a script, without types
import { generate, target } from "../scripts/generate-types.mjs";

test("the generated types are those of the schema as it is", async () => {
  expect(await readFile(target as URL, "utf8"), "run `make schema`").toBe(await generate());
});
