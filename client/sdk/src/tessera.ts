import type { Answer } from "./answer.js";
import { type BackoffOptions, DEFAULT_BACKOFF } from "./backoff.js";
import { Connection, type ConnectionState, type TokenReason } from "./connection.js";
import { DeviceCalls } from "./device-calls.js";
import { Emitter } from "./emitter.js";
import { TesseraError } from "./errors.js";
import { Forgetting, type MemoryTier } from "./forgetting.js";
import type {
  ClientFrame,
  ServerFrame,
  WsClientInfo,
  WsDeviceReady,
  WsError,
  WsHistoryMessage,
  WsScope,
  WsServerMutation,
} from "./generated/protocol.js";
import type { FrameRecord, ReceivedFrame } from "./link.js";
import { type RequestOptions, Requests } from "./requests.js";
import type { Approve, Change, Tools } from "./tools.js";
import { platformWebSocket, type WebSocketConstructor } from "./web-socket.js";

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
  /** Optional frames that the server should send. Default: `block_open`. */
  readonly features?: readonly string[];
  /** Time from opening the socket to `device_ready`. Default: 15,000. */
  readonly handshakeTimeoutMs?: number;
  readonly backoff?: Partial<BackoffOptions>;
}

export interface HomeOptions extends RequestOptions {
  /** The conversation so far, oldest message first. */
  readonly history?: readonly WsHistoryMessage[];
  /** The id of the conversation, for memory. */
  readonly sessionId?: string;
}

export interface TesseraEvents {
  readonly state: ConnectionState;
  /** Another device of the person changed an item: apply the change here, too. */
  readonly mutation: WsServerMutation;
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
  readonly #events = new Emitter<TesseraEvents>();
  readonly #networkBack = (): void => this.retry();

  /** @internal */
  constructor(options: ConnectOptions) {
    const onError = (error: TesseraError): void => this.#events.emit("error", error);
    this.#connection = new Connection({
      hello: {
        type: "device_hello",
        device_id: options.deviceId,
        protocol_versions: [PROTOCOL_VERSION],
        client: options.client ?? { name: "@tessera/client", version: "0.1.0", platform: "unknown" },
        features: [...(options.features ?? ["block_open"])],
      },
      getToken: options.getToken,
      backoff: { ...DEFAULT_BACKOFF, ...options.backoff },
      link: {
        url: checkedUrl(options.url),
        WebSocket: options.WebSocket ?? platformWebSocket(),
        handshakeTimeoutMs: options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
        inspect: () => (this.#events.has("frame") ? (record) => this.#events.emit("frame", record) : undefined),
      },
      onState: (state) => this.#entered(state),
      onFrame: (frame) => this.#receive(frame),
      onError,
    });
    const send = (frame: ClientFrame): void => this.#connection.send(frame);
    this.#calls = new DeviceCalls({ tools: options.tools ?? {}, approve: options.approve, send, onError });
    this.#requests = new Requests(send);
    this.#forgetting = new Forgetting(send);
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
    return this.#requests.ask(options, (requestId) => ({
      type: "home_request",
      request_id: requestId,
      message,
      ...(options.history === undefined ? {} : { conversation_history: [...options.history] }),
      ...(options.sessionId === undefined ? {} : { session_id: options.sessionId }),
    }));
  }

  /** Ask about `scope`: an entity, or one item by `id`. Fails immediately with `offline` if there is no connection. */
  popup(message: string, scope: WsScope, options: RequestOptions = {}): Answer {
    return this.#requests.ask(options, (requestId) => ({
      type: "popup_request",
      request_id: requestId,
      message,
      scope,
    }));
  }

  /** Send a change that the person made here to the person's other devices and to memory. Throws `offline`. */
  mutate(change: Change): void {
    this.#connection.send({ type: "mutation", ...change });
  }

  /**
   * Remove one memory for good. Resolves to the tiers in which something was removed. Rejects with `timeout` if the
   * server does not answer within ten seconds; the memory may be removed or not.
   */
  async forget(memoryId: string): Promise<MemoryTier[]> {
    return await this.#forgetting.forget(memoryId);
  }

  /** Connect immediately, in the states `waiting` and `closed`. */
  retry(): void {
    const closed = this.state.name === "closed";
    this.#connection.retry();
    if (closed) {
      this.#listenForNetwork("addEventListener");
    }
  }

  /** Close the connection. Running answers fail with `closed`. */
  close(): void {
    this.#connection.close();
  }

  /** Call `listener` for each event. Returns a function that removes it. */
  on<Name extends keyof TesseraEvents>(event: Name, listener: (value: TesseraEvents[Name]) => void): () => void {
    return this.#events.on(event, listener);
  }

  #entered(state: ConnectionState): void {
    if (state.name === "waiting" || state.name === "closed") {
      this.#failAll(state.error ?? closedByApplication());
    }
    if (state.name === "closed") {
      this.#listenForNetwork("removeEventListener");
    }
    this.#events.emit("state", state);
  }

  /** Fail everything that was running on the connection, because it ended. */
  #failAll({ code, message, retryable, closeCode }: TesseraError): void {
    const details = { retryable, ...(closeCode === undefined ? {} : { closeCode }) };
    this.#requests.failAll((requestId) => new TesseraError(code, message, { ...details, requestId }));
    this.#forgetting.failAll(new TesseraError(code, message, details));
    this.#calls.withdrawAll(new TesseraError(code, message, details));
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
        this.#requests.receive(frame);
        break;
      case "tool_call":
        void this.#calls.call(frame);
        break;
      case "tool_cancel":
        this.#calls.withdraw(frame.call_id);
        break;
      case "data_request":
        void this.#calls.fetch(frame);
        break;
      case "mutation":
        this.#events.emit("mutation", frame);
        break;
      case "memory_forgotten":
        this.#forgetting.forgotten(frame);
        break;
      case "error":
        this.#refused(frame);
        break;
      default: // a pong, a frame that the connection handles, or a type of a newer server
    }
  }

  #refused(frame: WsError): void {
    const { request_id: requestId } = frame;
    const error = new TesseraError(frame.code, frame.message, {
      retryable: frame.retryable,
      ...(requestId === undefined ? {} : { requestId }),
    });
    const requests = this.#requests.refused(error);
    const forgetting = this.#forgetting.refused(error); // the same error may belong to either
    if (!requests && !forgetting) {
      this.#events.emit("error", error);
    }
  }

  /** In a browser, connect immediately when the network is back. */
  #listenForNetwork(change: "addEventListener" | "removeEventListener"): void {
    if (typeof globalThis.addEventListener === "function") {
      globalThis[change]("online", this.#networkBack);
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

function checkedUrl(text: string): string {
  const url = new URL(text);
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new TypeError("The URL of the device socket must begin with ws:// or wss://.");
  }
  return url.href;
}

function closedByApplication(): TesseraError {
  return new TesseraError("closed", "The connection was closed.");
}
