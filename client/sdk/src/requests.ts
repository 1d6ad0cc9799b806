import { type Answer, StreamedAnswer } from "./answer.js";
import { TesseraError } from "./errors.js";
import type { ClientFrame } from "./generated/protocol.js";
import type { AnswerFrame } from "./snapshot.js";
import { isUuid, randomUuid } from "./uuid.js";

export interface RequestOptions {
  /** A UUID, the idempotency key: the server runs each id only once. Default: a random one. */
  readonly requestId?: string;
  /** Cancels the request when it is aborted. */
  readonly signal?: AbortSignal;
}

/** The running requests of one connection and their answers. */
export class Requests {
  readonly #answers = new Map<string, StreamedAnswer>();

  /** `send` throws `TesseraError` when there is no connection. */
  constructor(private readonly send: (frame: ClientFrame) => void) {}

  /** Send the request that `frame` builds. If it cannot be sent, returns a failed answer. */
  ask(options: RequestOptions, frame: (requestId: string) => ClientFrame): Answer {
    const requestId = (options.requestId ?? randomUuid()).toLowerCase();
    const answer = new StreamedAnswer(requestId, () => {
      // An answer that is not in the map any more has ended.
      if (this.#answers.get(requestId) === answer) {
        this.send({ type: "cancel", request_id: requestId });
      }
    });
    if (!isUuid(requestId)) {
      // The server's refusal would not name the request.
      answer.fail(new TesseraError("invalid_argument", "The request id must be a UUID.", { requestId }));
      return answer;
    }
    const { signal } = options;
    if (signal?.aborted) {
      answer.cancelUnsent();
      return answer;
    }
    if (this.#answers.has(requestId)) {
      answer.fail(new TesseraError("duplicate_request", "A request with this id is already running.", { requestId }));
      return answer;
    }
    try {
      this.send(frame(requestId));
    } catch (error) {
      answer.fail(error as TesseraError);
      return answer;
    }
    this.#answers.set(requestId, answer);
    const abort = (): void => answer.cancel();
    signal?.addEventListener("abort", abort, { once: true });
    const stop = answer.subscribe(() => {
      if (answer.snapshot.status !== "running") {
        this.#answers.delete(requestId);
        signal?.removeEventListener("abort", abort);
        stop();
      }
    });
    return answer;
  }

  receive(frame: AnswerFrame): void {
    this.#answers.get(frame.request_id)?.receive(frame);
  }

  /** Process an error frame. Returns whether it belongs to a request. */
  refused(error: TesseraError): boolean {
    if (error.code === "unknown_request") {
      // The `cancel` was too late. The answer's end may still arrive, because errors overtake answers.
      return true;
    }
    if (error.code === "rate_limited" && error.requestId === undefined) {
      return this.#unread(error);
    }
    const answer = error.requestId === undefined ? undefined : this.#answers.get(error.requestId);
    answer?.fail(error);
    return answer !== undefined;
  }

  failAll(error: (requestId: string) => TesseraError): void {
    for (const [requestId, answer] of [...this.#answers]) {
      answer.fail(error(requestId));
    }
  }

  /** The server did not read some frame. Cancels and fails every request that may have been in that frame. */
  #unread(error: TesseraError): boolean {
    const maybe = [...this.#answers.values()].filter(
      ({ snapshot }) => snapshot.agent === null && snapshot.domain === null,
    );
    for (const answer of maybe) {
      answer.cancel();
      answer.fail(error);
    }
    return maybe.length > 0;
  }
}
