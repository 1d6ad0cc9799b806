import { randomUUID } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rest, TesseraError, type TokenReason } from "@tessera/client";
import { app, safeStorage } from "electron";

const REST_URL = process.env["TESSERA_CLIENT_REST_URL"] ?? "http://127.0.0.1:8000";

/** Who is logged in. The token is known to the main process alone, and lies on disk encrypted by the system's keychain. */
export class Account {
  readonly #file = join(app.getPath("userData"), "token");
  #token: string | undefined;

  async login(email: string, password: string): Promise<void> {
    const { accessToken } = await rest({ baseUrl: REST_URL }).login(email, password);
    this.#token = accessToken;
    // Without a keychain the token would lie there readable: the person logs in at each start instead.
    if (safeStorage.isEncryptionAvailable()) {
      await writeFile(this.#file, safeStorage.encryptString(accessToken), { mode: 0o600 });
    }
  }

  /** For `getToken`. A token that the server refused is thrown away; the person has to log in again. */
  async token(reason: TokenReason): Promise<string> {
    if (reason === "refused") {
      this.#token = undefined;
      await rm(this.#file, { force: true });
    }
    this.#token ??= await this.#stored();
    if (this.#token === undefined) {
      throw new TesseraError("logged_out", "Log in first.");
    }
    return this.#token;
  }

  async #stored(): Promise<string | undefined> {
    const sealed = await readFile(this.#file).catch(() => undefined);
    return sealed === undefined ? undefined : safeStorage.decryptString(sealed);
  }
}

/** The id of this installation, made at its first start. */
export async function deviceId(): Promise<string> {
  const file = join(app.getPath("userData"), "device-id");
  const known = await readFile(file, "utf8").catch(() => undefined);
  if (known !== undefined) {
    return known;
  }
  const made = randomUUID();
  await writeFile(file, made);
  return made;
}
