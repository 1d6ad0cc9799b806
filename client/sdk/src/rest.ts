import { type AccountCalls, accountCalls, type SignupOptions, VERIFICATION_SENT, verificationSent } from "./account.js";
import { TesseraError, type TesseraErrorCode } from "./errors.js";
import type { ForgetPreview, MemoryTier } from "./forgetting.js";
import type { WsRequestResult } from "./generated/protocol.js";
import { type EndableTokenSource, type IssuedTokens, type TokenSource, tokenSource } from "./token-source.js";

export interface RestOptions {
  /** URL of the REST listener, such as `http://127.0.0.1:8000`. */
  readonly baseUrl: string;
  /** Returns the access token for calls about memory and requests. Default: that of the last `login` or `register`. */
  readonly getToken?: () => string | Promise<string>;
  /**
   * Keeps the refresh token for the next start of the application, encrypted if possible. Called with each new one, and
   * with null when the login has ended.
   */
  readonly onRefreshToken?: (refreshToken: string | null) => void | Promise<void>;
  readonly fetch?: typeof fetch;
}

/**
 * A user's id and an access token that is valid for `expiresIn` seconds. As a token source it gets new ones: pass its
 * `getToken` to `connect`.
 */
export interface Login extends TokenSource {
  /** Keep it, and pass it to the next `login`: alone it does not give access. */
  readonly deviceToken?: string;
  readonly userId: string;
  readonly accessToken: string;
  readonly expiresIn: number;
}

export interface LoginOptions {
  /** The id of this installation, so that the list of devices shows what belongs to the login. */
  readonly deviceId?: string;
  /** From an earlier login of this installation. With it, the guesses of others can't lock the person out. */
  readonly deviceToken?: string;
}

export interface RegisterOptions extends LoginOptions, SignupOptions {}

/** One memory. Its other fields depend on the tier. */
export interface MemoryRecord {
  /** `conversation` is the title of a conversation. */
  readonly tier: MemoryTier | "conversation";
  readonly id: string;
  /** True if it cannot be decrypted; then only its tier and id are known. */
  readonly unreadable?: boolean;
  readonly [field: string]: unknown;
}

/** What an erasure removed. */
export interface ErasureReceipt {
  readonly user_id: string;
  readonly erased_at: string;
  /** Number of rows by tier; `terms` counts those of the search index. */
  readonly removed: Readonly<Record<string, number>>;
  readonly key_before: string | null;
  readonly key_after: string;
  readonly backups_unreadable: boolean;
}

/** A conversation in the list. `count` is its number of exchanges. */
export interface ConversationSummary {
  readonly id: string;
  readonly title: string;
  /** ISO 8601. */
  readonly last_message_at: string;
  readonly count: number;
  /** `popup`: it began in a popup on items. Missing from older servers. */
  readonly kind?: "home" | "popup";
}

/** One message and the text of its answer. */
export interface StoredExchange {
  /** The id of the memory, which can be forgotten by it. */
  readonly id: string;
  /** The state of this request has the answer's other blocks as long as the answer is kept. */
  readonly request_id: string;
  readonly message: string;
  readonly response: string;
  readonly agent?: string;
  /** ISO 8601. */
  readonly at: string;
  /** False if the answer was cut before its end. */
  readonly complete: boolean;
}

/** A page of a list. Pass `next` as `cursor` to get the next page; it is missing on the last one. */
export interface PageOptions {
  /** 1 to 100; 30 by default. */
  readonly limit?: number;
  readonly cursor?: string;
}

export interface ConversationPage {
  readonly conversations: ConversationSummary[];
  readonly next?: string;
}

/** A conversation with a page of its exchanges, newest first. */
export interface Conversation extends ConversationSummary {
  readonly exchanges: StoredExchange[];
  readonly next?: string;
}

/** What forgetting a conversation removed and changed. The lists have at most 1000 ids. */
export interface ForgottenConversation {
  readonly id: string;
  /** Number of removed items by tier of memory; `episodic` counts exchanges. Tiers without removed items are left out. */
  readonly counts: Readonly<Partial<Record<MemoryTier, number>>>;
  /** Preferences whose earlier value counts again. */
  readonly restored: string[];
  /** Exchanges that stay without the sentences about a forgotten preference. */
  readonly redacted: string[];
  /** Exchanges of other conversations that stay although they mention what was forgotten. */
  readonly mentioned: string[];
}

/** The state of a request: the answer so far, or the kept answer with its outcome. */
export type RequestState = Omit<WsRequestResult, "type" | "seq">;

/** A request that runs, or whose answer is kept. `get` has its contents. */
export interface RequestSummary {
  readonly request_id: string;
  readonly state: RequestState["status"];
  /** The code of its error, if the server knows it without decrypting the answer. */
  readonly reason?: string;
  /** The device that asked. */
  readonly device_id?: string;
  /** ISO 8601. `ended_at` is missing while the request runs, and until its answer is stored. */
  readonly created_at: string;
  readonly ended_at?: string;
}

export interface RequestPage {
  readonly requests: RequestSummary[];
  readonly next?: string;
}

/** REST calls for accounts, requests and memory. Each rejects with a `TesseraError`. */
export interface Rest {
  register(email: string, password: string, options?: RegisterOptions): Promise<Login>;
  login(email: string, password: string, options?: LoginOptions): Promise<Login>;
  /** Goes on with a login whose refresh token the application has stored (`onRefreshToken`). Sends nothing yet. */
  resumeLogin(refreshToken: string): TokenSource;
  readonly account: AccountCalls;
  readonly requests: {
    /** The person's running and kept requests, of all devices, the newest first. */
    list(options?: PageOptions): Promise<RequestPage>;
    /** The request's state. Rejects with `unknown_request` if its answer is no longer kept, or was never asked. */
    get(requestId: string): Promise<RequestState>;
    /** Cancel a running request. Its state then says how it ended. Rejects with `unknown_request` if it does not run. */
    cancel(requestId: string): Promise<void>;
  };
  /** Each rejects with `unknown_conversation` if the conversation has no exchange. */
  readonly conversations: {
    /** The conversation with the newest message first. */
    list(options?: PageOptions): Promise<ConversationPage>;
    get(id: string, options?: PageOptions): Promise<Conversation>;
    /** Returns the conversation with its new title, which has at most 200 characters. */
    rename(id: string, title: string): Promise<ConversationSummary>;
    /** Forget all exchanges of the conversation, and what was learned from them. */
    forget(id: string): Promise<ForgottenConversation>;
  };
  readonly memory: {
    /** All memories, one by one while they are received. */
    export(): AsyncGenerator<MemoryRecord, void, undefined>;
    /** Remove one memory. Returns the tiers in which something was removed. */
    forget(memoryId: string): Promise<{ readonly id: string; readonly tiers: MemoryTier[] }>;
    /** What `forget` would remove and change now. Removes nothing. */
    previewForget(memoryId: string): Promise<ForgetPreview & { readonly id: string }>;
    /** Remove all memories and destroy the user's key. */
    erase(): Promise<ErasureReceipt>;
    setPreference(key: string, value: unknown): Promise<void>;
    removePreference(key: string): Promise<void>;
  };
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly authenticated?: boolean;
}

/** The REST calls of the server at `baseUrl`. */
export function rest(given: RestOptions): Rest {
  let tokens: EndableTokenSource | undefined;
  const options: RestOptions = {
    ...given,
    getToken: async () => {
      const getToken = given.getToken ?? tokens?.getToken;
      if (getToken === undefined) {
        throw new TesseraError("token_unavailable", "This call needs a token. Log in, or pass getToken to `rest`.");
      }
      return await getToken();
    },
  };
  const send = (call: Call): Promise<Response> => perform(options, call);
  const source = (from: IssuedTokens | string): EndableTokenSource => {
    const onRefreshToken = async (token: string | null) => await given.onRefreshToken?.(token);
    tokens = tokenSource({
      from,
      refresh: async (token) =>
        await read(await send({ method: "POST", path: "/api/v1/auth/refresh", body: { refresh_token: token } })),
      onRefreshToken,
    });
    return tokens;
  };
  const account = async (
    name: string,
    email: string,
    password: string,
    { deviceId, deviceToken, invite, code }: RegisterOptions = {},
  ): Promise<Login> => {
    const credentials = { email, password, device_id: deviceId, device_token: deviceToken, invite, code };
    const response = await send({ method: "POST", path: `/api/v1/auth/${name}`, body: credentials });
    if (response.status === VERIFICATION_SENT) {
      throw verificationSent();
    }
    const body = await read<IssuedTokens>(response);
    const begun = source(body);
    if (begun.refreshToken !== undefined) {
      await given.onRefreshToken?.(begun.refreshToken);
    }
    return {
      userId: body.user_id,
      accessToken: body.access_token,
      expiresIn: body.expires_in,
      ...(body.device_token ? { deviceToken: body.device_token } : {}),
      getToken: begun.getToken,
      get refreshToken() {
        return begun.refreshToken;
      },
    };
  };
  const memory = (method: string, path = "", body?: unknown): Promise<Response> =>
    send({ method, path: `/api/v1/memory${path}`, authenticated: true, ...(body === undefined ? {} : { body }) });
  const conversation = (method: string, rest: string, body?: unknown): Promise<Response> =>
    send({
      method,
      path: `/api/v1/conversations${rest}`,
      authenticated: true,
      ...(body === undefined ? {} : { body }),
    });
  const request = (method: string, rest: string): Promise<Response> =>
    send({ method, path: `/api/v1/requests${rest}`, authenticated: true });
  return {
    register: (email, password, options) => account("register", email, password, options),
    login: (email, password, options) => account("login", email, password, options),
    resumeLogin: (refreshToken) => source(refreshToken),
    account: accountCalls({
      send,
      refreshToken: () => tokens?.refreshToken,
      ended: async () => await tokens?.end(),
    }),
    requests: {
      list: async (options = {}) => await read(await request("GET", query(options))),
      get: async (requestId) => await read(await request("GET", part(requestId))),
      cancel: async (requestId) => {
        await request("DELETE", part(requestId));
      },
    },
    conversations: {
      list: async (options = {}) => await read(await conversation("GET", query(options))),
      get: async (id, options = {}) => await read(await conversation("GET", `${part(id)}${query(options)}`)),
      rename: async (id, title) => await read(await conversation("PATCH", part(id), { title })),
      forget: async (id) => await read(await conversation("DELETE", part(id))),
    },
    memory: {
      export: async function* () {
        yield* jsonLines<MemoryRecord>(await memory("GET"));
      },
      forget: async (memoryId) => await read(await memory("DELETE", `/items/${encodeURIComponent(memoryId)}`)),
      previewForget: async (memoryId) =>
        await read(await memory("GET", `/items/${encodeURIComponent(memoryId)}/forget-preview`)),
      erase: async () => await read(await memory("DELETE")),
      setPreference: async (key, value) => {
        await memory("PUT", `/core/${encodeURIComponent(key)}`, { value });
      },
      removePreference: async (key) => {
        await memory("DELETE", `/core/${encodeURIComponent(key)}`);
      },
    },
  };
}

function part(id: string): string {
  return `/${encodeURIComponent(id)}`;
}

function query(options: PageOptions): string {
  const given = new URLSearchParams();
  if (options.limit !== undefined) {
    given.set("limit", String(options.limit));
  }
  if (options.cursor !== undefined) {
    given.set("cursor", options.cursor);
  }
  return given.size === 0 ? "" : `?${given}`;
}

async function perform(options: RestOptions, call: Call): Promise<Response> {
  const headers: Record<string, string> = {};
  if (call.body !== undefined) {
    headers["Content-Type"] = "application/json";
  }
  if (call.authenticated) {
    headers["Authorization"] = `Bearer ${await options.getToken?.()}`;
  }
  const url = new URL(call.path, options.baseUrl);
  const request = {
    method: call.method,
    headers,
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
  };
  let response: Response;
  try {
    response = await (options.fetch ?? fetch)(url, request);
  } catch (cause) {
    throw new TesseraError("network", "The server could not be reached.", { retryable: true, cause });
  }
  if (!response.ok) {
    throw await refusal(response);
  }
  return response;
}

/** The error of a response. The server sends JSON with `error`; a proxy in front of it may send anything. */
async function refusal(response: Response): Promise<TesseraError> {
  const { status } = response;
  const body = (await response.json().catch(() => undefined)) as
    | { error?: { code?: unknown; message?: unknown; retryable?: unknown; text?: unknown } }
    | undefined;
  const { code, message, retryable, text } = body?.error ?? {};
  if (typeof code !== "string" || typeof message !== "string") {
    return new TesseraError(`http_${status}`, `The server answered with status ${status}.`, {
      status,
      retryable: status >= 500,
    });
  }
  return new TesseraError(code as TesseraErrorCode, message, {
    status,
    retryable: retryable === true,
    text: typeof text === "string" ? text : undefined,
  });
}

async function read<Body>(response: Response): Promise<Body> {
  try {
    return (await response.json()) as Body;
  } catch (cause) {
    throw unreadable(cause);
  }
}

/** Parse each line of the body as JSON while the body arrives. */
async function* jsonLines<Line>(response: Response): AsyncGenerator<Line, void, undefined> {
  if (response.body === null) {
    return;
  }
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += decoder.decode(value, { stream: !done });
      const lines = rest.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        yield JSON.parse(line) as Line;
      }
      if (done) {
        break;
      }
    }
    if (rest !== "") {
      yield JSON.parse(rest) as Line;
    }
  } catch (cause) {
    throw unreadable(cause);
  } finally {
    // Stop the download if the caller leaves the loop early.
    await reader.cancel().catch(() => undefined);
  }
}

function unreadable(cause: unknown): TesseraError {
  return new TesseraError("bad_response", "The server's response broke off or is not valid JSON.", {
    retryable: true,
    cause,
  });
}
