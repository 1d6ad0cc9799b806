import {
  type RegisterOptions,
  rest,
  type Store,
  TesseraError,
  type TokenReason,
  type TokenSource,
} from "@tessera/client";
import { safeStorage } from "electron";

const REST_URL = process.env["TESSERA_CLIENT_REST_URL"] ?? "http://127.0.0.1:8000";
const KEY = "account";
/** It gives no access: the server only does not count other people's guesses against this device. */
const KNOWN = "known-device";

/** The person who is logged in. */
export interface Person {
  readonly userId: string;
  readonly email: string;
}

/**
 * The login. Only the main process has its tokens. The refresh token is kept in `store`, encrypted by the system's
 * keychain; the password is not kept.
 */
export class Account {
  readonly #api = rest({ baseUrl: REST_URL, onRefreshToken: (token) => this.#renewed(token) });
  #tokens: TokenSource | undefined;
  #refreshToken: string | null = null;
  #person: Person | undefined;

  constructor(
    private readonly store: Store,
    private readonly deviceId: string,
  ) {
    const kept = this.#kept();
    if (kept !== undefined) {
      this.#person = { userId: kept.userId, email: kept.email };
      this.#tokens = this.#api.resumeLogin(kept.refreshToken);
    }
  }

  get person(): Person | undefined {
    return this.#person;
  }

  /** Whether the login survives a restart. Without a keychain, a token on the disk would be readable, so none is kept. */
  get isKept(): boolean {
    const backend = process.platform === "linux" ? safeStorage.getSelectedStorageBackend() : "";
    return safeStorage.isEncryptionAvailable() && backend !== "basic_text";
  }

  /** Log in, or create an account (`register`). Rejects with a `TesseraError`. */
  async enter(how: "login" | "register", email: string, password: string): Promise<Person> {
    this.#person = undefined;
    const known = this.store.getItem(KNOWN);
    const options: RegisterOptions = { deviceId: this.deviceId, ...(known ? { deviceToken: known } : {}) };
    const login = await this.#api[how](email, password, options);
    if (login.deviceToken !== undefined) {
      this.store.setItem(KNOWN, login.deviceToken);
    }
    this.#tokens = login;
    this.#person = { userId: login.userId, email };
    this.#keep();
    return this.#person;
  }

  /** For `getToken`. Rejects when the login has ended; the person must log in again. */
  async token(reason: TokenReason): Promise<string> {
    if (this.#tokens === undefined) {
      throw new TesseraError("token_unavailable", "Log in first.");
    }
    return await this.#tokens.getToken(reason);
  }

  /** End the login at the server, or only here if the server can't be reached. */
  async logout(): Promise<void> {
    try {
      await this.#api.account.logout();
    } catch (error) {
      if (!(error instanceof TesseraError)) {
        throw error;
      }
    } finally {
      this.#renewed(null);
    }
  }

  #renewed(token: string | null): void {
    this.#refreshToken = token;
    if (token === null) {
      this.#tokens = undefined;
      this.#person = undefined;
    }
    // During a login, the person is not known yet: `enter` keeps the token.
    if (token === null || this.#person !== undefined) {
      this.#keep();
    }
  }

  #keep(): void {
    let sealed = ""; // nothing is kept
    if (this.#person !== undefined && this.#refreshToken !== null && this.isKept) {
      const kept = JSON.stringify({ ...this.#person, refreshToken: this.#refreshToken });
      sealed = safeStorage.encryptString(kept).toString("base64");
    }
    this.store.setItem(KEY, sealed);
  }

  #kept(): (Person & { readonly refreshToken: string }) | undefined {
    const sealed = this.store.getItem(KEY);
    if (!sealed || !this.isKept) {
      return undefined;
    }
    try {
      return JSON.parse(safeStorage.decryptString(Buffer.from(sealed, "base64")));
    } catch {
      return undefined; // the keychain's key has changed: the person logs in again
    }
  }
}
