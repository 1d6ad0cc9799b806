import { Backoff, type BackoffOptions } from "./backoff.js";
import { remedyFor, type SocketEnd } from "./close-codes.js";
import { TesseraError } from "./errors.js";
import type { ClientFrame, WsAuthExpiring, WsDeviceHello, WsDeviceReady } from "./generated/protocol.js";
import { Link, type LinkOptions, type ReceivedFrame } from "./link.js";

/**
 * Why a token is wanted: `connect` before each attempt to connect (one kept from before will do); `expiring` to go on
 * after the present one; `refused` because the server did not take the last one, so that only another helps.
 */
export type TokenReason = "connect" | "expiring" | "refused";

export type ConnectionState =
  | { readonly name: "connecting" }
  | { readonly name: "online"; readonly session: WsDeviceReady }
  /** Until `retryAt` (milliseconds since the epoch); `error` is why the last attempt or session ended. */
  | { readonly name: "waiting"; readonly retryAt: number; readonly error: TesseraError }
  /** For good, until `retry`. Without an error the application closed it. */
  | { readonly name: "closed"; readonly error: TesseraError | null };

export interface ConnectionOptions {
  readonly hello: Omit<WsDeviceHello, "token">;
  readonly getToken: (reason: TokenReason) => string | Promise<string>;
  readonly backoff: BackoffOptions;
  readonly link: Pick<LinkOptions, "url" | "WebSocket" | "handshakeTimeoutMs" | "inspect">;
  readonly onState: (state: ConnectionState) => void;
  readonly onFrame: (frame: ReceivedFrame) => void;
  readonly onError: (error: TesseraError) => void;
}

const ELSEWHERE_MS = 1000;

/** Keeps one session to the server: connects, connects again as the close codes allow, and brings new tokens in time. */
export class Connection {
  #state: ConnectionState = { name: "connecting" };
  #link: Link | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #refresh: ReturnType<typeof setTimeout> | undefined;
  #token: string | undefined;
  #reason: TokenReason = "connect";
  /** What the socket was closed with when the server did not take the last token. */
  #refusedWith: number | undefined;
  #onlineSince = 0;
  /** Rises with each attempt: what an earlier one still brings is ignored. */
  #attempt = 0;
  readonly #backoff: Backoff;

  constructor(private readonly options: ConnectionOptions) {
    this.#backoff = new Backoff(options.backoff);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Connect now, if there is no connection nor an attempt at one. */
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

  /** Send `frame`. Throws `offline`, which is retryable unless the connection is closed for good, or `too_large`. */
  send(frame: ClientFrame): void {
    if (this.#link === undefined || this.#state.name !== "online") {
      throw this.#state.name === "closed"
        ? new TesseraError("offline", "The connection to the server is closed.")
        : new TesseraError("offline", "There is no connection to the server just now.", { retryable: true });
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
        new TesseraError("token_refused", "The server does not take the token, and there is no other.", details),
      );
      return;
    }
    this.#token = token;
    try {
      this.#link = this.#open(attempt, token);
    } catch (cause) {
      // A browser refuses what a page may not open: ws:// from https://, or what its content security policy forbids.
      this.#stop(new TesseraError("connection_failed", "The socket may not be opened from here.", { cause }));
    }
  }

  #open(attempt: number, token: string): Link {
    let ready = false;
    return new Link({
      ...this.options.link,
      hello: { ...this.options.hello, token },
      onReady: (session) => {
        ready = true;
        this.#onlineSince = Date.now();
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
      throw new TypeError("getToken gave no token");
    }
    return token;
  }

  #tokenMissing(cause: unknown): void {
    const retryable = !(cause instanceof TesseraError) || cause.retryable;
    const error = new TesseraError("token_unavailable", "getToken gave no token.", { retryable, cause });
    if (retryable) {
      this.#wait(error, this.#backoff.next());
    } else {
      this.#stop(error);
    }
  }

  #ended({ code, reason }: SocketEnd, wasReady: boolean): void {
    this.#link = undefined;
    clearTimeout(this.#refresh);
    const lastedMs = wasReady ? Date.now() - this.#onlineSince : undefined;
    if (lastedMs !== undefined) {
      this.#backoff.sessionLasted(lastedMs);
    }
    const because = reason === "" ? `code ${code}` : `${reason} (code ${code})`;
    const remedy = remedyFor(code);
    switch (remedy) {
      case "stop":
        this.#stop(new TesseraError("closed", `The server ended the connection: ${because}.`, { closeCode: code }));
        return;
      case "new_token":
        this.#refusedWith = code;
        if (this.#reason === "refused") {
          // That was the new one.
          this.#stop(
            new TesseraError("token_refused", `The server refuses the token: ${because}.`, { closeCode: code }),
          );
          return;
        }
        this.#reason = "refused";
        if (lastedMs !== undefined && lastedMs < this.options.backoff.stableMs) {
          // Tokens that are over as soon as they are used must not make this a loop without a pause.
          this.#wait(this.#lost(code, because, wasReady), this.#backoff.next());
        } else {
          this.start();
        }
        return;
      case "retry":
        this.#wait(this.#lost(code, because, wasReady), this.#backoff.next());
        return;
      case "retry_elsewhere":
        this.#wait(this.#lost(code, because, wasReady), this.#backoff.next(ELSEWHERE_MS));
    }
  }

  #lost(closeCode: number, because: string, wasReady: boolean): TesseraError {
    return wasReady
      ? new TesseraError("disconnected", `The connection was lost: ${because}.`, { retryable: true, closeCode })
      : new TesseraError("connection_failed", `No connection could be made: ${because}.`, {
          retryable: true,
          closeCode,
        });
  }

  #receive(frame: ReceivedFrame): void {
    if (frame.type === "auth_expiring") {
      this.#refreshWithin(Number((frame as ReceivedFrame & WsAuthExpiring).in_s) * 1000);
    }
    this.options.onFrame(frame);
  }

  /**
   * Bring a new token when a quarter to a half of the time that is left has gone by; try again while some is left. Not
   * at once: a token that lives no longer than the warning comes ahead would be asked for again and again.
   */
  #refreshWithin(leftMs: number): void {
    const link = this.#link;
    const waitMs = leftMs * (0.25 + this.options.backoff.random() / 4);
    clearTimeout(this.#refresh);
    this.#refresh = setTimeout(async () => {
      try {
        const token = await this.#askToken("expiring");
        if (link !== undefined && link === this.#link) {
          this.#token = token;
          link.send({ type: "auth_refresh", token });
        }
      } catch (cause) {
        this.options.onError(
          new TesseraError("token_unavailable", "getToken gave no token to go on with.", { retryable: true, cause }),
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
