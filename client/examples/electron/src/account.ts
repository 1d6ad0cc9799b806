import { randomUUID } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rest, TesseraError, type TokenReason, type TokenSource } from "@tessera/client";
import { app, safeStorage } from "electron";

const REST_URL = process.env["TESSERA_CLIENT_REST_URL"] ?? "http://127.0.0.1:8000";

/**
 * The logged-in account. Only the main process has its tokens. The refresh token is kept on disk, encrypted by the
 * system's keychain; the password is not kept.
 */
export class Account {
  readonly #file = join(app.getPath("userData"), "refresh-token");
  readonly #api = rest({ baseUrl: REST_URL, onRefreshToken: (token) => this.#keep(token) });
  #tokens: TokenSource | undefined;

  async login(email: string, password: string): Promise<void> {
    this.#tokens = await this.#api.login(email, password, { deviceId: await deviceId() });
  }

  /** For `getToken`. Rejects when the login has ended; the person must log in again. */
  async token(reason: TokenReason): Promise<string> {
    if (this.#tokens === undefined) {
      const stored = await this.#stored();
      if (stored === undefined) {
        throw new TesseraError("token_unavailable", "Log in first.");
      }
      this.#tokens = this.#api.resumeLogin(stored);
    }
    return await this.#tokens.getToken(reason);
  }

  async #keep(token: string | null): Promise<void> {
    if (token === null) {
      this.#tokens = undefined;
      await rm(this.#file, { force: true });
    } else if (safeStorage.isEncryptionAvailable()) {
      // Without a keychain, the token would be readable on disk. The person then logs in at each start.
      const next = `${this.#file}.new`;
      await writeFile(next, safeStorage.encryptString(token), { mode: 0o600 });
      await rename(next, this.#file); // a crash leaves the older token or the newer one, never a part of one
    }
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
