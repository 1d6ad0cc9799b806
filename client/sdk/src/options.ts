import type { BackoffOptions } from "./backoff.js";
import type { ConnectionState, TokenReason } from "./connection.js";
import type { DayForm } from "./days.js";
import type { TesseraError } from "./errors.js";
import type { WsClientInfo, WsHistoryMessage, WsLocale, WsServerMutation } from "./generated/protocol.js";
import type { Journal } from "./journal.js";
import type { FrameRecord } from "./link.js";
import type { RequestOptions } from "./requests.js";
import type { Store } from "./store.js";
import type { Approve, Tools } from "./tools.js";
import type { WebSocketConstructor } from "./web-socket.js";

export interface ConnectOptions {
  /** URL of the device socket, such as `ws://127.0.0.1:8765/api/v1/ws/device`. */
  readonly url: string;
  /** A UUID per installation. A new connection with the same id replaces the older one. */
  readonly deviceId: string;
  readonly client?: WsClientInfo;
  /** Returns an access token. Called before each attempt to connect, before the token expires, and after a refusal. */
  readonly getToken: (reason: TokenReason) => string | Promise<string>;
  readonly tools?: Tools;
  /** Asks the person. Without it, calls that need approval are refused. */
  readonly approve?: Approve;
  /** The WebSocket class, for platforms without a built-in one. */
  readonly WebSocket?: WebSocketConstructor;
  /** Keeps unsent changes and the journal over a restart of the application. Default: `memoryStore()`. */
  readonly store?: Store;
  /** The journal of tool calls. Default: a journal in `store`. */
  readonly journal?: Journal;
  /** What the application also understands. Default: everything that the SDK does. */
  readonly features?: readonly string[];
  /** Returns the person's locale now. Default: that of the platform's `Intl`. "Today" in answers is a day of its zone. */
  readonly locale?: () => WsLocale;
  /**
   * How the application stores calendar days: `date` (default) as `2026-03-09`, else as the epoch milliseconds of the
   * day's midnight, in the zone of `locale` or in UTC. The server reads and writes that form.
   */
  readonly dates?: DayForm;
  /** Time from opening the socket to `device_ready`. Default: 15,000. */
  readonly handshakeTimeoutMs?: number;
  readonly backoff?: Partial<BackoffOptions>;
}

export interface HomeOptions extends RequestOptions {
  /** The conversation so far, oldest message first. */
  readonly history?: readonly WsHistoryMessage[];
  /**
   * The id of the conversation, chosen by the application. Without `history`, the server answers with the conversation
   * that it has stored under this id, also one of another device.
   */
  readonly conversationId?: string;
  /** @deprecated Older name of `conversationId`. */
  readonly sessionId?: string;
}

export interface PopupOptions extends RequestOptions {
  /** See `HomeOptions.conversationId`. */
  readonly conversationId?: string;
}

export interface TesseraEvents {
  readonly state: ConnectionState;
  /** Another device of the person changed an item: apply the change here, too. */
  readonly mutation: WsServerMutation;
  /** Changes of other devices are missing for good: read all data again. The value is the number of the last change. */
  readonly resync: number;
  /** An error that belongs to no call of the application. */
  readonly error: TesseraError;
  /** Every frame that is sent or received. */
  readonly frame: FrameRecord;
}

export interface ReadyOptions {
  /** Milliseconds to wait for a session. Default: 30,000. `Infinity` waits forever. */
  readonly timeoutMs?: number;
}
