import { rest, TesseraError } from "@tessera/client";
import type { FirstScreen } from "../first/screen.js";
import { languageOf, signInWordsOf } from "../words/sign-in.js";
import { ACCOUNT } from "./keys.js";

export type RestClient = ReturnType<typeof rest>;

/** The account that is signed in in this tab. */
export interface Account {
  readonly email: string;
  readonly userId: string;
  readonly accessToken: string;
  /** Until when `accessToken` is valid, in milliseconds since the epoch. Missing if that is not known. */
  readonly accessUntil?: number;
  /** Gives new access tokens. Missing in a tab that another tab opened: only one tab may use it. */
  readonly refreshToken?: string;
  /** The account was made without asking for an address. */
  readonly guest?: boolean;
}

/** The server refuses a shorter password. */
export const LEAST_PASSWORD = 8;

const PREFIX = "tessera.";
const OWNER = "tessera.owner";
const DEVICE = "tessera.device";
const SESSION = "tessera.session";
/** Stays after a sign-out. It gives no access: the server only does not count other people's guesses against this browser. */
const KNOWN = "tessera.known-device";
/** A tab that another tab opened has a copy of its storage, and must get a new device id. */
export const NEW_DEVICE = "#new-device";

export function storedAccount(): Account | undefined {
  try {
    const account: Account | undefined = JSON.parse(sessionStorage.getItem(ACCOUNT) ?? "null") ?? undefined;
    if (account === undefined || location.hash !== NEW_DEVICE) return account;
    const { refreshToken: _, ...copy } = account;
    return copy;
  } catch {
    return undefined;
  }
}

/** Store the account. If the tab has data of another user, that data is deleted first. */
export function storeAccount(account: Account): void {
  const owner = sessionStorage.getItem(OWNER);
  if (owner !== null && owner !== account.userId) clearTab();
  sessionStorage.setItem(OWNER, account.userId);
  sessionStorage.setItem(ACCOUNT, JSON.stringify(account));
}

/** Forget the login. The data in this tab stays for the same user. */
export function forgetAccount(): void {
  sessionStorage.removeItem(ACCOUNT);
}

/** Delete everything that this tab stores of a person: the login, items, answers, unsent changes and the device id. */
export function clearTab(): void {
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
  }
}

/** This tab's device id, a UUID. Creates a new one if there is none, or if the page's address asks for one. */
export function deviceId(): string {
  const fresh = location.hash === NEW_DEVICE;
  if (fresh) history.replaceState(null, "", location.pathname);
  return kept(DEVICE, fresh);
}

/** Delete this tab's device id, so that the next `deviceId` creates a new one. */
export function forgetDevice(): void {
  sessionStorage.removeItem(DEVICE);
}

/** The id of this tab's open conversation. */
export function conversationId(): string {
  return kept(SESSION, false);
}

export function storeConversationId(id: string): void {
  sessionStorage.setItem(SESSION, id);
}

function kept(key: string, fresh: boolean): string {
  const known = fresh ? null : sessionStorage.getItem(key);
  const id = known ?? crypto.randomUUID();
  sessionStorage.setItem(key, id);
  return id;
}

/** Sign in, or create the account if `isNew`. The password is not stored. */
export async function signIn(api: RestClient, email: string, password: string, isNew: boolean): Promise<Account> {
  const known = localStorage.getItem(KNOWN);
  const options = known === null ? {} : { deviceToken: known };
  const tokens = await (isNew ? api.register(email, password) : api.login(email, password, options));
  const { userId, accessToken, expiresIn, refreshToken, deviceToken } = tokens;
  const accessUntil = Date.now() + expiresIn * 1000;
  if (deviceToken !== undefined) localStorage.setItem(KNOWN, deviceToken);
  return { email, userId, accessToken, accessUntil, ...(refreshToken === undefined ? {} : { refreshToken }) };
}

/** Give the guest account `account` an address and a password. `code`: from the mail, if the server has sent one. */
export async function nameAccount(
  api: RestClient,
  account: Account,
  { email, password, code }: { readonly email: string; readonly password: string; readonly code: string },
): Promise<Account> {
  const named = await api.account.nameGuest(email, password, code === "" ? {} : { code });
  const { guest: _, ...kept } = account;
  return { ...kept, email: named.email };
}

/** The guest account whose registration the first screen has begun. */
export async function guestOf({ email, response }: NonNullable<FirstScreen["registration"]>): Promise<Account> {
  // The password that was sent is not known any more; the response is the one of the request that was sent.
  const api = rest({ baseUrl: location.origin, fetch: async () => await response });
  return { ...(await signIn(api, email, "", true)), guest: true };
}

/** Create an account with a random address and a random password, which is not kept. */
export async function signInAsGuest(api: RestClient): Promise<Account> {
  const email = `guest-${crypto.randomUUID()}@guest`;
  return { ...(await signIn(api, email, crypto.randomUUID() + crypto.randomUUID(), true)), guest: true };
}

export function sentence(error: unknown): string {
  if (error instanceof TesseraError) {
    const language = languageOf(navigator.languages);
    // The server words an error in the language that the browser asks for. In English, `message` says more.
    if (language !== "en")
      return error.code === "network" ? signInWordsOf(language).unreachable : (error.text ?? error.message);
    return error.message;
  }
  return error instanceof Error ? error.message : String(error);
}
