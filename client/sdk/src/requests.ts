import { type Answer, StreamedAnswer } from "./answer.js";
import { TesseraError } from "./errors.js";
import type { ClientFrame, WsDeviceReady, WsRequestState } from "./generated/protocol.js";
import type { AnswerFrame, AnswerSnapshot } from "./snapshot.js";
import type { UndoLog } from "./undo.js";
import { isUuid, randomUuid } from "./uuid.js";

export interface RequestOptions {
  /** A UUID, the idempotency key: the server runs each id only once. Default: a random one. */
  readonly requestId?: string;
  /** Cancels the request when it is aborted. */
  readonly signal?: AbortSignal;
  /**
   * Without a connection, keep the request in memory and send it after the next connection, instead of failing with
   * `offline`. Until then `snapshot.queued` is true. It fails if the connection is closed for good.
   */
  readonly queue?: boolean;
}

export interface AttachOptions {
  /** Cancels the request when it is aborted. */
  readonly signal?: AbortSignal;
  /** What an earlier run of the application has shown of this answer. It is shown until the server's frames arrive. */
  readonly known?: AnswerSnapshot;
  /** The request belongs to another device of the person: cancelling only stops following it. */
  readonly watchOnly?: boolean;
}

interface Running {
  readonly answer: StreamedAnswer;
  /** The frame that asks; undefined for a request that was attached to. */
  readonly asked: ClientFrame | undefined;
  /** When it was sent, in milliseconds since the epoch. */
  askedAt: number;
  /** The application wants to cancel. */
  cancelled: boolean;
  /** `watch` was sent, and nothing has arrived since. */
  watching: boolean;
  /** May wait for a connection. */
  readonly queue: boolean;
  /** Waits until fewer requests run than the server allows at the same time, or for a connection. It was not sent. */
  queued: boolean;
  readonly watchOnly: boolean;
}

// The server knows an accepted request for longer than this, so a request that it does not list was never accepted.
const SEND_AGAIN_MS = 600_000;

/** Error codes of a frame that the server could not read. Such an error has the frame's id only if it could be found. */
const UNREADABLE: ReadonlySet<string> = new Set(["invalid_frame", "unknown_type"]);

/** The running requests of one device and their answers. They outlive a lost connection. */
export class Requests {
  readonly #running = new Map<string, Running>();
  /** How many requests the server runs for this session at the same time. */
  #most = Number.POSITIVE_INFINITY;

  /** `send` throws `TesseraError` without a connection. */
  constructor(
    private readonly send: (frame: ClientFrame) => void,
    private readonly undo: UndoLog,
  ) {}

  /** Whether a frame of an answer is expected. */
  get expecting(): boolean {
    return [...this.#running.values()].some(({ queued }) => !queued);
  }

  /**
   * Send the request that `frame` builds, or queue it if the session has as many running requests as the server allows.
   * If it cannot be sent, returns a failed answer, or with the option `queue` one that waits for the connection.
   */
  ask(options: RequestOptions, frame: (requestId: string) => ClientFrame): Answer {
    const requestId = (options.requestId ?? randomUuid()).toLowerCase();
    const asked = frame(requestId);
    const answer = this.#start(requestId, options.signal, asked, { queue: options.queue === true });
    const running = this.#running.get(requestId);
    if (running?.answer === answer) {
      if (this.#taken() > this.#most) {
        this.#setQueued(running, true);
      } else {
        this.#attempt(running, asked);
      }
    }
    return answer;
  }

  /** The answer of a request that runs here, or of one that the server knows. */
  attach(requestId: string, options: AttachOptions): Answer {
    const id = requestId.toLowerCase();
    const known = this.#running.get(id);
    if (known !== undefined) {
      return known.answer;
    }
    const answer = this.#start(id, options.signal, undefined, options);
    const running = this.#running.get(id);
    if (running !== undefined) {
      this.#watch(running);
    }
    return answer;
  }

  receive(frame: AnswerFrame): void {
    const running = this.#running.get(frame.request_id);
    if (running !== undefined) {
      running.watching = false;
      running.answer.receive(frame);
    }
  }

  /** A session has started or goes on: get what the connection has missed of each request. */
  connected({ resume, requests = [], limits }: WsDeviceReady): void {
    this.#most = limits.max_concurrent_requests > 0 ? limits.max_concurrent_requests : Number.POSITIVE_INFINITY;
    const listed = new Map(requests.map((request) => [request.request_id, request]));
    for (const running of [...this.#running.values()].filter(({ queued }) => !queued)) {
      this.#reconcile(running, listed.get(running.answer.requestId), resume === "resumed");
    }
    this.#sendQueued();
  }

  /** How many requests have a place among those that the server runs at the same time, or wait for their first frame. */
  #taken(): number {
    return [...this.#running.values()].filter(({ queued, watchOnly }) => !queued && !watchOnly).length;
  }

  /** Send queued requests, oldest first, while the server has a place for them. */
  #sendQueued(): void {
    for (const running of [...this.#running.values()]) {
      const { answer, asked, queued } = running;
      if (queued && asked !== undefined && this.#taken() < this.#most) {
        try {
          this.send(asked);
          this.#setQueued(running, false);
          running.askedAt = Date.now();
        } catch (error) {
          if (!(error instanceof TesseraError && error.code === "offline")) {
            answer.fail(error as TesseraError);
          } // without a connection, it is sent after the next one
        }
      }
    }
  }

  /** The server has no place for this request, because it counts otherwise. Queues it while another one runs here. */
  #queueAgain({ requestId, code }: TesseraError): boolean {
    const running = requestId === undefined ? undefined : this.#running.get(requestId);
    if (code !== "too_many_requests" || running?.asked === undefined || running.cancelled || this.#taken() < 2) {
      return false;
    }
    this.#setQueued(running, true); // the end of another request sends it
    return true;
  }

  #reconcile(running: Running, known: WsRequestState | undefined, resumed: boolean): void {
    const { answer, asked } = running;
    if (known?.state === "lost" || (known === undefined && asked !== undefined && !this.#neverRan(running))) {
      answer.fail(lost(answer.requestId, known?.reason));
    } else if (known !== undefined && resumed && !running.watching) {
      this.#cancelIfWanted(running); // the server sends the rest without being asked
    } else if (known !== undefined || asked === undefined) {
      this.#watch(running);
      this.#cancelIfWanted(running);
    } else if (running.cancelled) {
      answer.cancelHere(); // the server does not have the request
    } else {
      this.#attempt(running, asked);
    }
  }

  #setQueued(running: Running, queued: boolean): void {
    running.queued = queued;
    running.answer.setQueued(queued);
  }

  /** Whether a request that the server does not list was never accepted, so that it can be sent again. */
  #neverRan({ answer: { snapshot }, askedAt }: Running): boolean {
    return !begun(snapshot) && Date.now() - askedAt < SEND_AGAIN_MS;
  }

  /** Process an error frame that answers a frame of type `frameType`. Returns whether it belongs to a request. */
  refused(error: TesseraError, frameType?: string): boolean {
    const running = error.requestId === undefined ? undefined : this.#running.get(error.requestId);
    if (error.code === "unknown_request") {
      if (running?.watching) {
        running.answer.fail(error);
      }
      // Otherwise a `cancel` was too late. The answer's end may still arrive, because errors overtake answers.
      return true;
    }
    if (this.#queueAgain(error)) {
      return true;
    }
    if (
      error.code === "rate_limited" &&
      error.requestId === undefined &&
      (frameType === undefined || asks(frameType))
    ) {
      return this.#unread(error);
    }
    if (error.requestId === undefined && (UNREADABLE.has(error.code) || asks(frameType))) {
      return (frameType === undefined || asks(frameType)) && this.#failOldest(error);
    }
    running?.answer.fail(error);
    return running !== undefined;
  }

  /** The server could not read a frame, nor the id in it: it was probably the oldest request without an answer. */
  #failOldest(error: TesseraError): boolean {
    const oldest = [...this.#running.values()].find(
      ({ answer, watching, queued }) => !watching && !queued && !begun(answer.snapshot),
    );
    oldest?.answer.cancel(); // in case the server did accept it
    oldest?.answer.fail(error);
    return oldest !== undefined;
  }

  failAll(error: (requestId: string) => TesseraError): void {
    for (const [requestId, { answer }] of [...this.#running]) {
      answer.fail(error(requestId));
    }
  }

  #start(
    requestId: string,
    signal: AbortSignal | undefined,
    asked: ClientFrame | undefined,
    { known, watchOnly = false, queue = false }: AttachOptions & Pick<RequestOptions, "queue"> = {},
  ): StreamedAnswer {
    const answer = new StreamedAnswer(requestId, () => this.#cancel(requestId, answer, watchOnly), known, this.undo);
    if (!isUuid(requestId)) {
      // The server's refusal would not name the request.
      answer.fail(new TesseraError("invalid_argument", "The request id must be a UUID.", { requestId }));
      return answer;
    }
    if (signal?.aborted) {
      answer.cancelHere();
      return answer;
    }
    if (this.#running.has(requestId)) {
      answer.fail(new TesseraError("duplicate_request", "A request with this id is already running.", { requestId }));
      return answer;
    }
    this.#running.set(requestId, {
      answer,
      asked,
      askedAt: Date.now(),
      cancelled: false,
      watching: false,
      queue,
      queued: false,
      watchOnly,
    });
    const abort = (): void => answer.cancel();
    signal?.addEventListener("abort", abort, { once: true });
    const stop = answer.subscribe(() => {
      if (answer.snapshot.status !== "running") {
        this.#running.delete(requestId);
        signal?.removeEventListener("abort", abort);
        stop();
        this.#sendQueued();
      }
    });
    return answer;
  }

  #cancel(requestId: string, answer: StreamedAnswer, watchOnly: boolean): void {
    const running = this.#running.get(requestId);
    if (running?.answer !== answer) {
      return; // it has ended
    }
    if (running.queued) {
      answer.cancelHere();
      return;
    }
    if (watchOnly) {
      this.#trySend({ type: "unwatch", request_id: requestId });
      answer.cancelHere();
      return;
    }
    running.cancelled = true;
    this.#cancelIfWanted(running);
  }

  #cancelIfWanted({ cancelled, answer: { requestId } }: Running): void {
    if (cancelled) {
      this.#trySend({ type: "cancel", request_id: requestId }); // without a connection, it is sent after the next one
    }
  }

  #watch(running: Running): void {
    running.watching = true;
    this.#trySend({ type: "watch", request_id: running.answer.requestId });
  }

  #trySend(frame: ClientFrame): void {
    try {
      this.send(frame);
    } catch {
      // Without a connection, `connected` sends what is needed then.
    }
  }

  #attempt(running: Running, frame: ClientFrame): void {
    try {
      this.send(frame);
    } catch (error) {
      const { code, retryable } = error as TesseraError;
      if (running.queue && code === "offline" && retryable) {
        this.#setQueued(running, true); // `connected` sends it
      } else {
        running.answer.fail(error as TesseraError);
      }
    }
  }

  /** The server did not read some frame. Cancels and fails every request that may have been in that frame. */
  #unread(error: TesseraError): boolean {
    const maybe = [...this.#running.values()].filter(
      ({ answer, watching, queued }) => watching || (!queued && !begun(answer.snapshot)),
    );
    for (const { answer, watching } of maybe) {
      if (!watching) {
        answer.cancel();
      }
      answer.fail(error);
    }
    return maybe.length > 0;
  }
}

function asks(frameType: string | undefined): boolean {
  return frameType === "home_request" || frameType === "popup_request";
}

function begun({ agent, domain, blocks }: AnswerSnapshot): boolean {
  return agent !== null || domain !== null || blocks.length > 0;
}

function lost(requestId: string, reason: string | undefined): TesseraError {
  return new TesseraError(
    "lost",
    `The server no longer has this answer${reason === undefined ? "" : `: ${reason}`}. What it has done is not known.`,
    { requestId },
  );
}
