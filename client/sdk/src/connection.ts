import { Backoff, type BackoffOptions } from "./backoff.js";
import { remedyFor, type SocketEnd, stopCode } from "./close-codes.js";
import { TesseraError } from "./errors.js";
import type {
  ClientFrame,
  WsAuthExpiring,
  WsDeviceHello,
  WsDeviceReady,
  WsDraining,
  WsResume,
} from "./generated/protocol.js";
import { Link, type LinkOptions, type ReceivedFrame } from "./link.js";
import type { Patience } from "./liveness.js";

/**
 * Why the SDK needs a token:
 * - `connect`: before each attempt to connect; a stored token is fine;
 * - `expiring`: the current token expires soon;
 * - `refused`: the server rejected the last token, so only a different one helps.
 */
export type TokenReason = "connect" | "expiring" | "refused";

export type ConnectionState =
  | { readonly name: "connecting" }
  | { readonly name: "online"; readonly session: WsDeviceReady }
  /** Waits until `retryAt` (milliseconds since the epoch). `error` says why the last attempt or session ended. */
  | { readonly name: "waiting"; readonly retryAt: number; readonly error: TesseraError }
  /** Closed until `retry` is called. `error` is null if the application closed it. */
  | { readonly name: "closed"; readonly error: TesseraError | null };

export interface ConnectionOptions {
  /** Called for each attempt. */
  readonly hello: () => Omit<WsDeviceHello, "token" | "resume">;
  /** The server refused the hello with this reason. True if the next hello avoids it: then the client connects again. */
  readonly helloRefused: (reason: string) => boolean;
  readonly getToken: (reason: TokenReason) => string | Promise<string>;
  readonly backoff: BackoffOptions;
  readonly link: Pick<LinkOptions, "url" | "WebSocket" | "handshakeTimeoutMs" | "inspect" | "expecting">;
  readonly onState: (state: ConnectionState) => void;
  readonly onFrame: (frame: ReceivedFrame) => void;
  readonly onError: (error: TesseraError) => void;
}

const LATER_MS = 1000;

/**
 * Keeps one session with the server over its sockets: connects, connects again as the close codes allow, names the last
 * frame that was processed, and refreshes the token.
 */
export class Connection {
  #state: ConnectionState = { name: "connecting" };
  #link: Link | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #refresh: ReturnType<typeof setTimeout> | undefined;
  #token: string | undefined;
  /** The token that `getToken("expiring")` has returned again. It is not asked about this token a second time. */
  #notRenewed: string | undefined;
  #reason: TokenReason = "connect";
  /** The close code of the socket with which the server refused the last token. */
  #refusedWith: number | undefined;
  #onlineSince = 0;
  /** The last frame of the session that was processed. Its effects are in the state that the application sees. */
  #cursor: WsResume | undefined;
  /** How long the draining server wants this device to wait. */
  #drainMs: number | undefined;
  readonly #patience: Patience = { factor: 1 };
  /** Grows with each attempt. Results of earlier attempts are ignored. */
  #attempt = 0;
  readonly #backoff: Backoff;

  constructor(private readonly options: ConnectionOptions) {
    this.#backoff = new Backoff(options.backoff);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Connect now. Call it only without a connection and without a running attempt. */
  start(): void {
    clearTimeout(this.#timer);
    void this.#connect(++this.#attempt);
  }

  retry(): void {
    if (this.#state.name === "waiting" || this.#state.name === "closed") {
      this.#backoff.reset();
      this.start();
    }
  }

  /** The network may have changed: connect again, or find out whether the connection is alive. */
  networkChanged(available: boolean): void {
    if (available && this.#state.name === "waiting") {
      this.retry();
    } else if (available) {
      this.#link?.probe();
    } else {
      // The platform says that the network is gone, so the silence is not a slow frame.
      this.#link?.probe(1);
    }
  }

  /** Send `frame`. Throws `too_large`, or `offline`, which is retryable unless the connection is closed for good. */
  send(frame: ClientFrame): void {
    if (this.#link === undefined || this.#state.name !== "online") {
      throw this.#state.name === "closed"
        ? new TesseraError("offline", "The connection to the server is closed.")
        : new TesseraError("offline", "There is no connection to the server at the moment.", { retryable: true });
    }
    this.#link.send(frame);
  }

  close(): void {
    if (this.#state.name !== "closed") {
      this.#stop(null);
    }
  }

  async #connect(attempt: number): Promise<void> {
    this.#enter({ name: "connecting" });
    const refused = this.#reason === "refused" ? this.#token : undefined;
    let token: string;
    try {
      token = await this.#askToken(this.#reason);
    } catch (error) {
      if (attempt === this.#attempt) {
        this.#tokenMissing(error);
      }
      return;
    }
    if (attempt !== this.#attempt) {
      return;
    }
    if (token === refused) {
      const details = this.#refusedWith === undefined ? {} : { closeCode: this.#refusedWith };
      this.#stop(
        new TesseraError(
          "token_refused",
          "The server refused the token, and getToken returned the same one again.",
          details,
        ),
      );
      return;
    }
    this.#token = token;
    try {
      this.#link = this.#open(attempt, token);
    } catch (cause) {
      // A browser refuses ws:// from an https:// page, and addresses that the Content-Security-Policy forbids.
      this.#stop(
        new TesseraError("connection_failed", "The browser does not allow this page to open the socket.", { cause }),
      );
    }
  }

  #open(attempt: number, token: string): Link {
    let ready = false;
    return new Link({
      ...this.options.link,
      patience: this.#patience,
      hello: {
        ...this.options.hello(),
        token,
        ...(this.#cursor === undefined ? {} : { resume: { ...this.#cursor } }),
      },
      onReady: (session) => {
        ready = true;
        this.#drainMs = undefined;
        // After `resumed`, the cursor stays until the first frame that follows is processed.
        if (session.resume !== "resumed" || this.#cursor === undefined) {
          this.#cursor = { session_id: session.session_id, seq: session.seq };
        }
        this.#onlineSince = performance.now();
        this.#reason = "connect";
        this.#enter({ name: "online", session });
      },
      onFrame: (frame) => this.#receive(frame),
      onEnd: (end) => {
        if (attempt === this.#attempt) {
          this.#ended(end, ready);
        }
      },
      onUnreadable: this.options.onError,
    });
  }

  async #askToken(reason: TokenReason): Promise<string> {
    const token: unknown = await this.options.getToken(reason);
    if (typeof token !== "string" || token === "") {
      throw new TypeError("getToken must return a string that is not empty");
    }
    return token;
  }

  #tokenMissing(cause: unknown): void {
    const retryable = !(cause instanceof TesseraError) || cause.retryable;
    const error = new TesseraError("token_unavailable", "getToken returned no token.", { retryable, cause });
    if (retryable) {
      this.#wait(error, this.#backoff.next());
    } else {
      this.#stop(error);
    }
  }

  #ended({ code, reason, halfOpen = false }: SocketEnd, wasReady: boolean): void {
    this.#link = undefined;
    clearTimeout(this.#refresh);
    const lastedMs = wasReady ? performance.now() - this.#onlineSince : undefined;
    if (lastedMs !== undefined) {
      this.#backoff.sessionLasted(lastedMs);
    }
    if (halfOpen) {
      // The silence took seconds, so this cannot become a busy loop. Further delay only makes the person wait.
      this.start();
      return;
    }
    const because = reason === "" ? `code ${code}` : `${reason} (code ${code})`;
    const remedy = remedyFor(code);
    switch (remedy) {
      case "stop":
        if (!wasReady && this.options.helloRefused(reason)) {
          this.start();
          return;
        }
        this.#stop(
          new TesseraError(stopCode(code), `The server ended the connection: ${because}.`, {
            retryable: stopCode(code) === "too_many_devices",
            closeCode: code,
          }),
        );
        return;
      case "new_token":
        this.#refusedWith = code;
        if (this.#reason === "refused") {
          // The server refused the new token, too.
          this.#stop(
            new TesseraError("token_refused", `The server refuses the token: ${because}.`, { closeCode: code }),
          );
          return;
        }
        this.#reason = "refused";
        if (lastedMs !== undefined && lastedMs < this.options.backoff.stableMs) {
          // Without a delay, tokens that expire immediately would cause a busy loop.
          this.#wait(this.#lost(code, because, wasReady), this.#backoff.next());
        } else {
          this.start();
        }
        return;
      case "retry":
        this.#wait(this.#lost(code, because, wasReady), this.#backoff.next());
        return;
      case "retry_later":
        this.#wait(this.#lost(code, because, wasReady), this.#backoff.next(LATER_MS));
        return;
      case "retry_elsewhere":
        this.#wait(this.#lost(code, because, wasReady), this.#drainMs ?? this.#backoff.next(LATER_MS));
    }
  }

  #lost(closeCode: number, because: string, wasReady: boolean): TesseraError {
    return wasReady
      ? new TesseraError("disconnected", `The connection was lost: ${because}.`, { retryable: true, closeCode })
      : new TesseraError("connection_failed", `The connection failed: ${because}.`, {
          retryable: true,
          closeCode,
        });
  }

  #receive(frame: ReceivedFrame): void {
    if (frame.type === "auth_expiring") {
      this.#refreshWithin(Number((frame as ReceivedFrame & WsAuthExpiring).in_s) * 1000);
    } else if (frame.type === "draining") {
      this.#drainMs = (frame as ReceivedFrame & WsDraining).retry_after_ms;
    }
    this.options.onFrame(frame);
    const seq = frame["seq"];
    if (this.#cursor !== undefined && typeof seq === "number") {
      this.#cursor.seq = seq;
    }
  }

  /**
   * Refresh the token after a quarter to a half of the remaining time. After an error, try again in the time that
   * remains. Refreshing immediately would loop if tokens live no longer than the server's warning time.
   */
  #refreshWithin(leftMs: number): void {
    if (this.#notRenewed !== undefined && this.#notRenewed === this.#token) {
      return;
    }
    const link = this.#link;
    const waitMs = leftMs * (0.25 + this.options.backoff.random() / 4);
    clearTimeout(this.#refresh);
    this.#refresh = setTimeout(async () => {
      try {
        const token = await this.#askToken("expiring");
        if (token === this.#token) {
          this.#notRenewed = token; // it extends nothing: the session ends with it, and then a new one is asked for
        } else if (link !== undefined && link === this.#link) {
          this.#token = token;
          link.send({ type: "auth_refresh", token });
        }
      } catch (cause) {
        this.options.onError(
          new TesseraError("token_unavailable", "getToken returned no token to extend the session.", {
            retryable: true,
            cause,
          }),
        );
        if (link === this.#link && leftMs > 2000) {
          this.#refreshWithin(leftMs - waitMs);
        }
      }
    }, waitMs);
  }

  #wait(error: TesseraError, ms: number): void {
    this.#timer = setTimeout(() => this.start(), ms);
    this.#enter({ name: "waiting", retryAt: Date.now() + ms, error });
  }

  #stop(error: TesseraError | null): void {
    this.#attempt += 1;
    this.#cursor = undefined;
    clearTimeout(this.#timer);
    clearTimeout(this.#refresh);
    const link = this.#link;
    this.#link = undefined;
    link?.end();
    this.#enter({ name: "closed", error });
  }

  #enter(state: ConnectionState): void {
    this.#state = state;
    this.options.onState(state);
  }
}
