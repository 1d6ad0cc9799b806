// Runs before `npm publish`: the package must name the repository that it is built from, or npm refuses its provenance.
import { readFileSync } from "node:fs";

const { name, repository } = JSON.parse(readFileSync("package.json", "utf8"));
if (new URL(repository.url.replace(/^git\+/, "")).hostname.endsWith(".example")) {
  throw new Error(
    `${name} has no real repository. Set repository.url, homepage and bugs.url (npm pkg set), then publish.`,
  );
}
