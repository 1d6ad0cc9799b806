// Generates src/generated/protocol.ts from docs/protocol/schema.json. `make schema` runs it; a test compares the result.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { compile } from "json-schema-to-typescript";

const source = new URL("../../../docs/protocol/schema.json", import.meta.url);
export const target = new URL("../src/generated/protocol.ts", import.meta.url);

/** The text of the generated file. */
export async function generate() {
  const text = await readFile(source, "utf8");
  const schema = JSON.parse(text);
  // Generate a type for each definition, but not the union of the frames of both directions.
  delete schema.anyOf;
  for (const definition of Object.values(schema.$defs)) {
    for (const property of Object.values(definition.properties ?? {})) {
      if (Object.keys(property).every((key) => key === "default" || key === "description")) {
        property.tsType = "unknown"; // any JSON; the generator would generate an object type
      }
    }
  }
  const sha256 = createHash("sha256").update(text).digest("hex");
  const types = await compile(schema, "Protocol", {
    additionalProperties: false,
    bannerComment: [
      "// Generated from docs/protocol/schema.json by `make schema`; not for editing.",
      `// sha256 of that file: ${sha256}`,
    ].join("\n"),
    format: true,
    ignoreMinAndMaxItems: true,
    style: { printWidth: 120 },
    unreachableDefinitions: true,
  });
  // Remove the generator's remarks on where each type came from.
  return types
    .replace(/^export interface TheTessera\w+ \{\n.*\n\}\n/m, "")
    .replace(/^ +\* @(min|max)Items \d+\n/gm, "")
    .replace(/( \*\n)? \* This interface was referenced by .*\n \* via the `definition` .*\n/g, "")
    .replace(/^ *\/\*\*\n( \*\n)* *\*\/\n/gm, "")
    .replace(/(\n +\*)+\n( +\*\/)/g, "\n$2");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(target, await generate());
}
