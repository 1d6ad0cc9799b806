import type { Answer } from "./answer.js";
import { DEFAULT_BACKOFF } from "./backoff.js";
import { Changes } from "./changes.js";
import { Connection, type ConnectionState } from "./connection.js";
import { DeviceCalls } from "./device-calls.js";
import { Emitter } from "./emitter.js";
import { TesseraError } from "./errors.js";
import { type ForgetPreview, Forgetting, type MemoryTier } from "./forgetting.js";
import type { ClientFrame, ServerFrame, WsDeviceReady, WsError, WsScope } from "./generated/protocol.js";
import { storeJournal } from "./journal.js";
import type { ReceivedFrame } from "./link.js";
import { intlLocale, LocaleWatch } from "./locale.js";
import type { ConnectOptions, HomeOptions, PopupOptions, ReadyOptions, TesseraEvents } from "./options.js";
import { RemoteApprovals } from "./remote-approvals.js";
import { type AttachOptions, Requests } from "./requests.js";
import { memoryStore } from "./store.js";
import type { Change } from "./tools.js";
import { UndoLog } from "./undo.js";
import { checkedUrl, platformWebSocket } from "./web-socket.js";

const PROTOCOL_VERSION = 3;
const HANDSHAKE_TIMEOUT_MS = 15_000;
const READY_TIMEOUT_MS = 30_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

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
    const tools = options.tools ?? {};
    const undo = new UndoLog(tools, (change) => this.mutate(change));
    this.#calls = new DeviceCalls({
      tools,
      undo,
      approve,
      journal: options.journal ?? storeJournal(store, `tessera.${deviceId}.calls`),
      send,
      onError,
    });
    this.#requests = new Requests(send, undo);
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
    const features = [
      "block_open",
      "ledger",
      "changes",
      "tool_events",
      "quota",
      ...(approve === undefined ? [] : ["approvals"]),
    ];
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

  /**
   * Resolves to the session when it starts. Rejects if the connection is closed for good, and with `timeout` if there is
   * no session in `timeoutMs`; `cause` is then the last attempt's error. The SDK goes on connecting.
   */
  ready({ timeoutMs = READY_TIMEOUT_MS }: ReadyOptions = {}): Promise<WsDeviceReady> {
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      let cause: TesseraError | undefined;
      const settle = (state: ConnectionState): boolean => {
        if (state.name === "online") {
          resolve(state.session);
        } else if (state.name === "closed") {
          reject(state.error ?? closedByApplication());
        } else if (state.name === "waiting") {
          cause = state.error;
        }
        return state.name === "online" || state.name === "closed";
      };
      if (settle(this.state)) {
        return;
      }
      const stop = this.on("state", (state) => {
        if (settle(state)) {
          stop();
          clearTimeout(timer);
        }
      });
      if (timeoutMs <= LONGEST_TIMER_MS) {
        timer = setTimeout(() => {
          stop();
          const because = cause === undefined ? "" : ` ${cause.message}`;
          const message = `There was no session with the server within ${timeoutMs} ms.${because}`;
          reject(new TesseraError("timeout", message, { retryable: true, cause }));
        }, timeoutMs);
      }
    });
  }

  /** Ask from the home view. Without a connection, fails immediately with `offline`, or waits with the option `queue`. */
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

  /** Ask about `scope`: an entity, or one item by `id`. Without a connection as `home`. */
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

  /** Call `listener` for the next event only. Returns a function that removes it. */
  once<Name extends keyof TesseraEvents>(event: Name, listener: (value: TesseraEvents[Name]) => void): () => void {
    return this.#events.once(event, listener);
  }

  #entered(state: ConnectionState): void {
    switch (state.name) {
      case "online":
        this.#locale.start();
        this.#requests.connected(state.session);
        this.#approvals.connected(state.session.resume === "resumed");
        this.#changes.connected(state.session.changes);
        void this.#calls.connected(state.session.resume === "resumed");
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
    this.#calls.disconnected();
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
      case "tool_event":
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
    // The result of a call may name its request too. An error that names something else belongs to no request.
    const other = frame.call_id ?? frame.data_id ?? frame.memory_id ?? frame.mutation_id ?? undefined;
    const requests = other === undefined && this.#requests.refused(error, frame.frame_type ?? undefined);
    const forgetting = this.#forgetting.refused(error, frame); // an error without id and type may belong to either
    if (!requests && !forgetting && !this.#changes.refused(error, frame.frame_type, other)) {
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
