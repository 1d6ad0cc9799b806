/** For Node.js and Electron's main process. */

import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Store } from "./store.js";

/** Keeps each value in a file of `folder`, which is created. A value is on the disk when `setItem` returns. */
export function fileStore(folder: string): Store {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = (key: string): string => join(folder, `${encodeURIComponent(key)}.json`);
  return {
    getItem: (key) => {
      try {
        return readFileSync(path(key), "utf8");
      } catch (error) {
        if ((error as { code?: unknown }).code === "ENOENT") {
          return null;
        }
        throw error;
      }
    },
    setItem: (key, value) => {
      // After a crash, the file has the old value or the new one.
      const temporary = `${path(key)}.new`;
      const file = openSync(temporary, "w", 0o600);
      try {
        writeSync(file, value);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, path(key));
    },
  };
}
