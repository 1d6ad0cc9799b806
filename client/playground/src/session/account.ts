import { type rest, TesseraError } from "@tessera/client";

export type RestClient = ReturnType<typeof rest>;

/** The account that is signed in in this tab. */
export interface Account {
  readonly email: string;
  readonly userId: string;
  readonly accessToken: string;
  /** Gives new access tokens. Missing in a tab that another tab opened: only one tab may use it. */
  readonly refreshToken?: string;
}

const ACCOUNT = "tessera.account";
const DEVICE = "tessera.device";
const SESSION = "tessera.session";
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

export function storeAccount(account: Account | undefined): void {
  if (account === undefined) sessionStorage.removeItem(ACCOUNT);
  else sessionStorage.setItem(ACCOUNT, JSON.stringify(account));
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

/** The id of this tab's conversation. Memory groups the exchanges of a conversation by it. */
export function conversationId(): string {
  return kept(SESSION, false);
}

function kept(key: string, fresh: boolean): string {
  const known = fresh ? null : sessionStorage.getItem(key);
  const id = known ?? crypto.randomUUID();
  sessionStorage.setItem(key, id);
  return id;
}

/** Sign in, or create the account if `isNew`. The password is not stored. */
export async function signIn(api: RestClient, email: string, password: string, isNew: boolean): Promise<Account> {
  const tokens = await (isNew ? api.register(email, password) : api.login(email, password));
  const { userId, accessToken, refreshToken } = tokens;
  return { email, userId, accessToken, ...(refreshToken === undefined ? {} : { refreshToken }) };
}

export function sentence(error: unknown): string {
  if (error instanceof TesseraError) return error.message;
  return error instanceof Error ? error.message : String(error);
}
