import { randomUUID } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rest, TesseraError, type TokenReason } from "@tessera/client";
import { app, safeStorage } from "electron";

const REST_URL = process.env["TESSERA_CLIENT_REST_URL"] ?? "http://127.0.0.1:8000";

/** The logged-in account. Only the main process has the token. The system's keychain encrypts it on disk. */
export class Account {
  readonly #file = join(app.getPath("userData"), "token");
  #token: string | undefined;

  async login(email: string, password: string): Promise<void> {
    const { accessToken } = await rest({ baseUrl: REST_URL }).login(email, password);
    this.#token = accessToken;
    // Without a keychain, the token would be readable on disk. The person then logs in at each start.
    if (safeStorage.isEncryptionAvailable()) {
      await writeFile(this.#file, safeStorage.encryptString(accessToken), { mode: 0o600 });
    }
  }

  /** For `getToken`. Deletes a token that the server refused; the person must log in again. */
  async token(reason: TokenReason): Promise<string> {
    if (reason === "refused") {
      this.#token = undefined;
      await rm(this.#file, { force: true });
    }
    this.#token ??= await this.#stored();
    if (this.#token === undefined) {
      throw new TesseraError("token_unavailable", "Log in first.");
    }
    return this.#token;
  }

  async #stored(): Promise<string | undefined> {
    const sealed = await readFile(this.#file).catch(() => undefined);
    return sealed === undefined ? undefined : safeStorage.decryptString(sealed);
  }
}

/** The id of this installation, created at its first start. */
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
