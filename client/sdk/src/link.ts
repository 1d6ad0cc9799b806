import type { SocketEnd } from "./close-codes.js";
import { TesseraError } from "./errors.js";
import { wellFormed } from "./frame-shape.js";
import type { ClientFrame, WsDeviceHello, WsDeviceReady } from "./generated/protocol.js";
import { Liveness, type Patience } from "./liveness.js";
import type { WebSocketConstructor, WebSocketLike } from "./web-socket.js";

/** A frame from the server of which only `type` has been checked. */
export interface ReceivedFrame {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A sent or received frame, for an inspector. Tokens are replaced by `…`. */
export interface FrameRecord {
  readonly direction: "in" | "out";
  readonly frame: object;
  /** The size of the frame's JSON in UTF-8. */
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface LinkOptions {
  readonly url: string;
  readonly WebSocket: WebSocketConstructor;
  readonly hello: WsDeviceHello;
  readonly handshakeTimeoutMs: number;
  readonly onReady: (ready: WsDeviceReady) => void;
  readonly onFrame: (frame: ReceivedFrame) => void;
  readonly onEnd: (end: SocketEnd) => void;
  readonly onUnreadable: (error: TesseraError) => void;
  /** Whether an answer of the server is due, so that silence is suspicious. */
  readonly expecting: () => boolean;
  readonly patience: Patience;
  /** Returns undefined if nothing inspects frames; then their sizes are not computed. */
  readonly inspect: () => ((record: FrameRecord) => void) | undefined;
}

const NORMAL = 1000;
const HEARTBEAT_LOST = 4000;
const HANDSHAKE_TIMEOUT = 4504;
const encoder = new TextEncoder();

/** One socket: the handshake, then frames in both directions, and pings. `onEnd` is the last callback, called once. */
export class Link {
  readonly #socket: WebSocketLike;
  #session: WsDeviceReady | undefined;
  #ended = false;
  #failure = "";
  readonly #handshake: ReturnType<typeof setTimeout>;
  #liveness: Liveness | undefined;

  constructor(private readonly options: LinkOptions) {
    this.#socket = new options.WebSocket(options.url);
    this.#handshake = setTimeout(
      () => this.end(HANDSHAKE_TIMEOUT, "the server did not send device_ready in time"),
      options.handshakeTimeoutMs,
    );
    this.#socket.addEventListener("open", () => this.#transmit(options.hello));
    this.#socket.addEventListener("message", (event) => this.#receive(event.data));
    this.#socket.addEventListener("error", (event) => {
      this.#failure = typeof event.message === "string" ? event.message : "";
    });
    this.#socket.addEventListener("close", (event) => {
      this.#finish({ code: event.code, reason: event.reason || this.#failure });
    });
  }

  /** Send `frame`. Throws `too_large` if the server would close the socket because of its size. */
  send(frame: ClientFrame): void {
    this.#transmit(frame);
  }

  /** Find out whether the server still answers. Ends the socket if it does not. See `Liveness.probe` for `factor`. */
  probe(factor?: number): void {
    this.#liveness?.probe(factor);
  }

  /**
   * Close the socket without waiting for the peer's close frame, which a dead peer never sends.
   * `halfOpen`: see `SocketEnd`.
   */
  end(code: number = NORMAL, reason = "", halfOpen = false): void {
    if (this.#ended) {
      return;
    }
    // A browser allows only the codes 1000 and 3000 to 4999 here.
    this.#socket.close(code, reason);
    this.#finish({ code, reason, halfOpen });
  }

  #finish(end: SocketEnd): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    clearTimeout(this.#handshake);
    this.#liveness?.stop();
    this.options.onEnd(end);
  }

  #transmit(frame: ClientFrame): void {
    if (this.#ended) {
      return;
    }
    const text = JSON.stringify(frame);
    const most = this.#session?.limits.max_frame_bytes ?? Number.POSITIVE_INFINITY;
    // A UTF-16 unit has at most three bytes in UTF-8, so short texts need not be encoded.
    if (text.length * 3 > most && encoder.encode(text).length > most) {
      throw new TesseraError(
        "too_large",
        `This ${frame.type} frame is larger than the server's limit of ${most} bytes.`,
      );
    }
    this.#socket.send(text);
    this.options.inspect()?.({ direction: "out", frame: blanked(frame), bytes: byteLength(text), at: Date.now() });
  }

  #receive(data: unknown): void {
    if (this.#ended) {
      return;
    }
    this.#liveness?.heard();
    const frame = parse(data);
    if (frame === undefined) {
      this.options.onUnreadable(new TesseraError("bad_frame", "The server sent a message that is not a frame."));
      return;
    }
    this.options.inspect()?.({ direction: "in", frame, bytes: byteLength(String(data)), at: Date.now() });
    if (!wellFormed(frame)) {
      this.options.onUnreadable(new TesseraError("bad_frame", `The server sent an invalid ${frame.type} frame.`));
    } else if (this.#session !== undefined) {
      this.options.onFrame(frame);
    } else if (isReady(frame)) {
      this.#session = frame;
      clearTimeout(this.#handshake);
      this.#liveness = new Liveness({
        beatMs: frame.heartbeat_s * 1000,
        expecting: this.options.expecting,
        ping: () => this.#transmit({ type: "ping" }),
        dead: () => this.end(HEARTBEAT_LOST, "the server does not answer", true),
        patience: this.options.patience,
      });
      this.options.onReady(frame);
    }
  }
}

function parse(data: unknown): ReceivedFrame | undefined {
  if (typeof data !== "string") {
    return undefined;
  }
  try {
    const frame: unknown = JSON.parse(data);
    return isFrame(frame) ? frame : undefined;
  } catch {
    return undefined;
  }
}

function isFrame(value: unknown): value is ReceivedFrame {
  return typeof value === "object" && value !== null && typeof (value as ReceivedFrame).type === "string";
}

function isReady(frame: ReceivedFrame): frame is ReceivedFrame & WsDeviceReady {
  const { heartbeat_s: heartbeat, limits } = frame as Partial<WsDeviceReady>;
  return frame.type === "device_ready" && Number(heartbeat) > 0 && typeof limits?.max_frame_bytes === "number";
}

function blanked(frame: ClientFrame): object {
  return "token" in frame ? { ...frame, token: "…" } : frame;
}

function byteLength(text: string): number {
  return encoder.encode(text).length;
}
