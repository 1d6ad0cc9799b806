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
  /** Of the device socket: `ws://127.0.0.1:8765/api/v1/ws/device`. */
  readonly url: string;
  /** A UUID, kept for as long as the installation: connecting again with it replaces the older connection. */
  readonly deviceId: string;
  readonly client?: WsClientInfo;
  /** Gives an access token. Asked before each attempt to connect, before the token ends, and when it is refused. */
  readonly getToken: (reason: TokenReason) => string | Promise<string>;
  readonly tools?: Tools;
  /** Asks the person. Without it, calls that need an approval are refused. */
  readonly approve?: Approve;
  /** For platforms that have none. */
  readonly WebSocket?: WebSocketConstructor;
  /** What the server is to send beside the rest. By default `block_open`. */
  readonly features?: readonly string[];
  /** From opening the socket to the server's greeting. */
  readonly handshakeTimeoutMs?: number;
  readonly backoff?: Partial<BackoffOptions>;
}

export interface HomeOptions extends RequestOptions {
  /** What was said before, oldest first. */
  readonly history?: readonly WsHistoryMessage[];
  /** Names the conversation, for memory. */
  readonly sessionId?: string;
}

export interface TesseraEvents {
  readonly state: ConnectionState;
  /** Another of the person's devices changed something: change it here too. */
  readonly mutation: WsServerMutation;
  /** What went wrong and belongs to no call of the application's. */
  readonly error: TesseraError;
  /** Every frame, in and out, as it crosses the wire. */
  readonly frame: FrameRecord;
}

/** A device's connection to the server, and what is asked over it. Made by `connect`. */
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

  /** The session, as soon as there is one. Rejects when the connection is closed for good. */
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

  /** Ask from the home view. Fails at once, with code `offline`, when there is no connection. */
  home(message: string, options: HomeOptions = {}): Answer {
    return this.#requests.ask(options, (requestId) => ({
      type: "home_request",
      request_id: requestId,
      message,
      ...(options.history === undefined ? {} : { conversation_history: [...options.history] }),
      ...(options.sessionId === undefined ? {} : { session_id: options.sessionId }),
    }));
  }

  /** Ask about `scope`: an entity, or with an `id` one item. Fails at once, with code `offline`, without a connection. */
  popup(message: string, scope: WsScope, options: RequestOptions = {}): Answer {
    return this.#requests.ask(options, (requestId) => ({
      type: "popup_request",
      request_id: requestId,
      message,
      scope,
    }));
  }

  /** Tell the person's other devices, and memory, what the person changed here. Throws `offline`. */
  mutate(change: Change): void {
    this.#connection.send({ type: "mutation", ...change });
  }

  /**
   * Remove one memory for good. Gives the tiers in which something was removed. Rejects with `timeout` when the server
   * says nothing for ten seconds: it may be removed all the same.
   */
  async forget(memoryId: string): Promise<MemoryTier[]> {
    return await this.#forgetting.forget(memoryId);
  }

  /** Connect now instead of after the wait, or again after the end. */
  retry(): void {
    const closed = this.state.name === "closed";
    this.#connection.retry();
    if (closed) {
      this.#listenForNetwork("addEventListener");
    }
  }

  /** Close the connection. Answers under way fail with code `closed`. */
  close(): void {
    this.#connection.close();
  }

  /** Call `listener` at each event. Returns what ends that. */
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

  /** The connection has ended, and with it all that was under way on it. */
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
      default: // a pong, the connection's own affairs, or what a newer server sends
    }
  }

  #refused(frame: WsError): void {
    const { request_id: requestId } = frame;
    const error = new TesseraError(frame.code, frame.message, {
      retryable: frame.retryable,
      ...(requestId === undefined ? {} : { requestId }),
    });
    const requests = this.#requests.refused(error);
    const forgetting = this.#forgetting.refused(error); // the same error may be about either
    if (!requests && !forgetting) {
      this.#events.emit("error", error);
    }
  }

  /** In a browser: the network is back, so the wait may end. */
  #listenForNetwork(change: "addEventListener" | "removeEventListener"): void {
    if (typeof globalThis.addEventListener === "function") {
      globalThis[change]("online", this.#networkBack);
    }
  }
}

/**
 * Connect a device. Returns at once; the connection makes itself and stays: `ready()` waits for it, `state` and the
 * event `state` say how it is. Throws for a URL that is none, or where there is no WebSocket.
 */
export function connect(options: ConnectOptions): Tessera {
  return new Tessera(options);
}

function checkedUrl(text: string): string {
  const url = new URL(text);
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new TypeError("The URL of the device socket begins with ws:// or wss://.");
  }
  return url.href;
}

function closedByApplication(): TesseraError {
  return new TesseraError("closed", "The connection was closed.");
}
