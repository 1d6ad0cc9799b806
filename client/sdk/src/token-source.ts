import type { TokenReason } from "./connection.js";
import { TesseraError } from "./errors.js";

/** The tokens of a login as the server sends them. Lifetimes are in seconds. */
export interface IssuedTokens {
  readonly user_id: string;
  readonly access_token: string;
  readonly expires_in: number;
  /** Missing if the server is older than refresh tokens. */
  readonly refresh_token?: string | null;
  /** Only after a login or a registration. */
  readonly device_token?: string | null;
}

/** Gives access tokens to `connect` and `rest`, and gets new ones with the login's refresh token. */
export interface TokenSource {
  /**
   * An access token that is valid for a while. Pass it to `connect` as `getToken`. Concurrent calls share one refresh.
   * Rejects with an error that is not retryable if the login has ended: the person must log in again.
   */
  readonly getToken: (reason?: TokenReason) => Promise<string>;
  /** The current refresh token. Each refresh replaces it, and the server accepts the newest only. */
  readonly refreshToken: string | undefined;
}

/** A token source whose login can end here. */
export interface EndableTokenSource extends TokenSource {
  /** The login has ended: forget its tokens. */
  readonly end: () => Promise<void>;
}

export interface TokenSourceOptions {
  /** The tokens of a new login, or the refresh token that an earlier run of the application has stored. */
  readonly from: IssuedTokens | string;
  /** Gets new tokens for a refresh token. */
  readonly refresh: (refreshToken: string) => Promise<IssuedTokens>;
  /** Called with each new refresh token, and with null when the login has ended. */
  readonly onRefreshToken: (refreshToken: string | null) => void | Promise<void>;
}

/** A token with less time left is replaced before it is used. */
const LEAST_LEFT_MS = 30_000;

export function tokenSource({ from, refresh, onRefreshToken }: TokenSourceOptions): EndableTokenSource {
  let refreshToken: string | undefined;
  let access: { readonly token: string; readonly until: number } | undefined;
  let refreshing: Promise<string> | undefined;

  const take = (issued: IssuedTokens): string => {
    access = { token: issued.access_token, until: performance.now() + issued.expires_in * 1000 };
    refreshToken = issued.refresh_token ?? undefined;
    return issued.access_token;
  };
  const renew = async (used: string): Promise<string> => {
    let issued: IssuedTokens;
    try {
      issued = await refresh(used);
    } catch (error) {
      if (error instanceof TesseraError && !error.retryable && error.status !== undefined && error.status < 500) {
        access = undefined;
        refreshToken = undefined;
        await onRefreshToken(null);
      }
      throw error;
    }
    const token = take(issued);
    await onRefreshToken(refreshToken ?? null);
    return token;
  };
  const getToken = async (reason: TokenReason = "connect"): Promise<string> => {
    const leftMs = access === undefined ? 0 : access.until - performance.now();
    if (access !== undefined && reason === "connect" && leftMs > LEAST_LEFT_MS) {
      return access.token;
    }
    if (refreshToken === undefined) {
      if (access !== undefined && reason !== "refused" && leftMs > 0) {
        return access.token;
      }
      throw new TesseraError("token_expired", "The login has ended. Log in again.");
    }
    refreshing ??= renew(refreshToken).finally(() => {
      refreshing = undefined;
    });
    return await refreshing;
  };

  if (typeof from === "string") {
    refreshToken = from;
  } else {
    take(from);
  }
  return {
    getToken,
    end: async () => {
      access = undefined;
      refreshToken = undefined;
      await onRefreshToken(null);
    },
    get refreshToken() {
      return refreshToken;
    },
  };
}
