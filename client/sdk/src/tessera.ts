import type { Answer } from "./answer.js";
import { type BackoffOptions, DEFAULT_BACKOFF } from "./backoff.js";
import { Changes } from "./changes.js";
import { Connection, type ConnectionState, type TokenReason } from "./connection.js";
import type { DayForm } from "./days.js";
import { DeviceCalls } from "./device-calls.js";
import { Emitter } from "./emitter.js";
import { TesseraError } from "./errors.js";
import { type ForgetPreview, Forgetting, type MemoryTier } from "./forgetting.js";
import type {
  ClientFrame,
  ServerFrame,
  WsClientInfo,
  WsDeviceReady,
  WsError,
  WsHistoryMessage,
  WsLocale,
  WsScope,
  WsServerMutation,
} from "./generated/protocol.js";
import { type Journal, storeJournal } from "./journal.js";
import type { FrameRecord, ReceivedFrame } from "./link.js";
import { intlLocale, LocaleWatch } from "./locale.js";
import { RemoteApprovals } from "./remote-approvals.js";
import { type AttachOptions, type RequestOptions, Requests } from "./requests.js";
import { memoryStore, type Store } from "./store.js";
import type { Approve, Change, Tools } from "./tools.js";
import { checkedUrl, platformWebSocket, type WebSocketConstructor } from "./web-socket.js";

const PROTOCOL_VERSION = 3;
const HANDSHAKE_TIMEOUT_MS = 15_000;

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

/** A device's connection to the server and its requests. Created by `connect`. */
export class Tessera {
  readonly #connection: Connection;
  readonly #requests: Requests;
  readonly #calls: DeviceCalls;
  readonly #forgetting: Forgetting;
  readonly #changes: Changes;
  readonly #approvals: RemoteApprovals;
  readonly #locale: LocaleWatch;
  readonly #events = new Emitter<TesseraEvents>();
  readonly #networkBack = (): void => this.#connection.networkChanged(true);
  readonly #networkGone = (): void => this.#connection.networkChanged(false);

  /** @internal */
  constructor(options: ConnectOptions) {
    const onError = (error: TesseraError): void => this.#events.emit("error", error);
    const { deviceId, approve, store = memoryStore() } = options;
    const send = (frame: ClientFrame): void => this.#connection.send(frame);
    this.#calls = new DeviceCalls({
      tools: options.tools ?? {},
      approve,
      journal: options.journal ?? storeJournal(store, `tessera.${deviceId}.calls`),
      send,
      onError,
    });
    this.#requests = new Requests(send);
    this.#forgetting = new Forgetting(send);
    this.#approvals = new RemoteApprovals({ approve, send, onError });
    this.#changes = new Changes({
      store,
      key: `tessera.${deviceId}.changes`,
      deviceId,
      send,
      onChange: (change) => this.#events.emit("mutation", change),
      onResync: (last) => this.#events.emit("resync", last),
      onError,
    });
    this.#locale = new LocaleWatch(options.locale ?? intlLocale, (locale) => send({ type: "locale_changed", locale }));
    const features = ["block_open", "ledger", "changes", ...(approve === undefined ? [] : ["approvals"])];
    this.#connection = new Connection({
      hello: () => ({
        type: "device_hello",
        device_id: deviceId,
        protocol_versions: [PROTOCOL_VERSION],
        client: options.client ?? { name: "@tessera/client", version: "0.1.0", platform: "unknown" },
        features: [...(options.features ?? features)],
        ...this.#changes.hello,
        ...this.#locale.hello,
        dates: options.dates ?? "date",
      }),
      helloRefused: (reason) => this.#locale.refused(reason),
      getToken: options.getToken,
      backoff: { ...DEFAULT_BACKOFF, ...options.backoff },
      link: {
        url: checkedUrl(options.url),
        WebSocket: options.WebSocket ?? platformWebSocket(),
        handshakeTimeoutMs: options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
        inspect: () => (this.#events.has("frame") ? (record) => this.#events.emit("frame", record) : undefined),
        expecting: () => this.#requests.expecting || this.#forgetting.expecting || this.#changes.expecting,
      },
      onState: (state) => this.#entered(state),
      onFrame: (frame) => this.#receive(frame),
      onError,
    });
    this.#listenForNetwork("addEventListener");
    this.#connection.start();
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  /** Resolves to the session when it starts. Rejects if the connection is closed for good. */
  ready(): Promise<WsDeviceReady> {
    return new Promise((resolve, reject) => {
      const settle = (state: ConnectionState): boolean => {
        if (state.name === "online") {
          resolve(state.session);
        } else if (state.name === "closed") {
          reject(state.error ?? closedByApplication());
        }
        return state.name === "online" || state.name === "closed";
      };
      if (!settle(this.state)) {
        const stop = this.on("state", (state) => {
          if (settle(state)) {
            stop();
          }
        });
      }
    });
  }

  /** Ask from the home view. Fails immediately with `offline` if there is no connection. */
  home(message: string, options: HomeOptions = {}): Answer {
    this.#locale.look();
    return this.#requests.ask(options, (requestId) => ({
      type: "home_request",
      request_id: requestId,
      message,
      ...(options.history === undefined ? {} : { conversation_history: [...options.history] }),
      ...conversation(options.conversationId ?? options.sessionId),
    }));
  }

  /** Ask about `scope`: an entity, or one item by `id`. Fails immediately with `offline` if there is no connection. */
  popup(message: string, scope: WsScope, options: PopupOptions = {}): Answer {
    this.#locale.look();
    return this.#requests.ask(options, (requestId) => ({
      type: "popup_request",
      request_id: requestId,
      message,
      scope,
      ...conversation(options.conversationId),
    }));
  }

  /**
   * The answer of a request by its id: one that runs here, one that was asked before the application started again, or
   * one of another device (`watchOnly`). Rejects with `unknown_request` or `lost` if the server does not have it.
   */
  request(requestId: string, options: AttachOptions = {}): Answer {
    return this.#requests.attach(requestId, options);
  }

  /**
   * Send a change that the person made here to the person's other devices and to memory. Without a connection, it is
   * kept in the store and sent later, in order and once. Throws only if the store cannot keep it.
   */
  mutate(change: Change): void {
    this.#changes.add(change);
  }

  /** How many changes of the person the server has not stored yet. */
  get unsentChanges(): number {
    return this.#changes.unsent;
  }

  /**
   * Remove one memory for good. Resolves to the tiers in which something was removed. Rejects with `timeout` if the
   * server does not answer within ten seconds; the memory may be removed or not.
   */
  async forget(memoryId: string): Promise<MemoryTier[]> {
    return await this.#forgetting.forget(memoryId);
  }

  /**
   * What `forget` would remove and change now. Removes nothing. Rejects with `unknown_type` if the server is too old, and
   * with `timeout` if it does not answer within ten seconds.
   */
  async previewForget(memoryId: string): Promise<ForgetPreview> {
    return await this.#forgetting.preview(memoryId);
  }

  /** Connect immediately, in the states `waiting` and `closed`. */
  retry(): void {
    const closed = this.state.name === "closed";
    this.#connection.retry();
    if (closed) {
      this.#listenForNetwork("addEventListener");
    }
  }

  /** Close the connection. Running answers fail with `closed`; the server runs them on for a while. */
  close(): void {
    this.#connection.close();
  }

  /** Call `listener` for each event. Returns a function that removes it. */
  on<Name extends keyof TesseraEvents>(event: Name, listener: (value: TesseraEvents[Name]) => void): () => void {
    return this.#events.on(event, listener);
  }

  #entered(state: ConnectionState): void {
    switch (state.name) {
      case "online":
        this.#locale.start();
        this.#requests.connected(state.session);
        this.#approvals.connected(state.session.resume === "resumed");
        this.#changes.connected(state.session.changes);
        void this.#calls.connected(state.session.resume === "lost");
        break;
      case "waiting":
        this.#disconnected(state.error);
        break;
      case "closed":
        this.#ended(state.error ?? closedByApplication());
        break;
      case "connecting":
        this.#disconnected(new TesseraError("disconnected", "The connection was lost.", { retryable: true }));
    }
    this.#events.emit("state", state);
  }

  /** Requests, tool calls and changes go on: the next connection continues the session. */
  #disconnected({ code, message, retryable, closeCode }: TesseraError): void {
    const details = { retryable, ...(closeCode === undefined ? {} : { closeCode }) };
    this.#forgetting.failAll(new TesseraError(code, message, details));
    this.#changes.disconnected();
    this.#locale.stop();
  }

  /** The connection is closed for good: fail everything that was running on it. */
  #ended(error: TesseraError): void {
    const { code, message, retryable, closeCode } = error;
    const details = { retryable, ...(closeCode === undefined ? {} : { closeCode }) };
    this.#disconnected(error);
    this.#requests.failAll((requestId) => new TesseraError(code, message, { ...details, requestId }));
    this.#calls.withdrawAll(error);
    this.#approvals.closeAll(error);
    this.#listenForNetwork("removeEventListener");
  }

  #receive(received: ReceivedFrame): void {
    const frame = received as unknown as ServerFrame;
    switch (frame.type) {
      case "stream_start":
      case "popup_domain":
      case "block_open":
      case "stream_text":
      case "stream_block":
      case "stream_end":
      case "request_result":
        this.#requests.receive(frame);
        break;
      case "tool_call":
        void this.#calls.call(frame);
        break;
      case "tool_cancel":
        if (frame.confirm) {
          void this.#calls.withdrawUnstarted(frame.call_id);
        } else {
          this.#calls.withdraw(frame.call_id);
        }
        break;
      case "tool_ack":
        void this.#calls.acknowledged(frame.call_id);
        break;
      case "approval_request":
        void this.#approvals.ask(frame);
        break;
      case "approval_closed":
        this.#approvals.close(frame.call_id);
        break;
      case "data_request":
        void this.#calls.fetch(frame);
        break;
      case "mutation":
        this.#changes.received(frame);
        break;
      case "mutation_ack":
        this.#changes.stored(frame);
        break;
      case "memory_forgotten":
      case "memory_preview":
        this.#forgetting.answered(frame);
        break;
      case "error":
        this.#refused(frame);
        break;
      default: // a pong, a frame that the connection handles, or a type of a newer server
    }
  }

  #refused(frame: WsError): void {
    if (frame.frame_type === "approval" && frame.call_id) {
      this.#approvals.close(frame.call_id); // the person has decided on another device
      return;
    }
    this.#calls.refused(frame);
    const { request_id: requestId } = frame;
    const error = new TesseraError(frame.code, frame.message, {
      retryable: frame.retryable,
      text: frame.text ?? undefined,
      ...(requestId === undefined ? {} : { requestId }),
    });
    const requests = this.#requests.refused(error, frame.frame_type ?? undefined);
    const forgetting = this.#forgetting.refused(error, frame); // an error without id and type may belong to either
    if (!requests && !forgetting && !this.#changes.refused(error, frame.frame_type)) {
      this.#events.emit("error", error);
    }
  }

  /** In a browser, react when the network goes and comes back. */
  #listenForNetwork(change: "addEventListener" | "removeEventListener"): void {
    if (typeof globalThis.addEventListener === "function") {
      globalThis[change]("online", this.#networkBack);
      globalThis[change]("offline", this.#networkGone);
    }
  }
}

/**
 * Connect a device. Returns immediately and connects in the background. `ready()` waits for the session; `state` and the
 * event `state` report the connection's state. Throws if the URL is invalid or the platform has no WebSocket.
 */
export function connect(options: ConnectOptions): Tessera {
  return new Tessera(options);
}

function closedByApplication(): TesseraError {
  return new TesseraError("closed", "The connection was closed.");
}

function conversation(id: string | undefined): { conversation_id?: string } {
  return id === undefined ? {} : { conversation_id: id };
}
