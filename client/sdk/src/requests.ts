import { type Answer, StreamedAnswer } from "./answer.js";
import { TesseraError } from "./errors.js";
import type { ClientFrame } from "./generated/protocol.js";
import type { AnswerFrame } from "./snapshot.js";
import { isUuid, randomUuid } from "./uuid.js";

export interface RequestOptions {
  /** A UUID; the same one is answered only once. By default a new one. */
  readonly requestId?: string;
  /** Cancels the request when it is aborted. */
  readonly signal?: AbortSignal;
}

/** The requests under way on one connection, and the answers they get. */
export class Requests {
  readonly #answers = new Map<string, StreamedAnswer>();

  /** `send` throws `TesseraError` when there is no connection. */
  constructor(private readonly send: (frame: ClientFrame) => void) {}

  /** Send what `frame` makes. What can't be sent is an answer that has failed. */
  ask(options: RequestOptions, frame: (requestId: string) => ClientFrame): Answer {
    const requestId = (options.requestId ?? randomUuid()).toLowerCase();
    const answer = new StreamedAnswer(requestId, () => {
      // One that is not here any more has ended.
      if (this.#answers.get(requestId) === answer) {
        this.send({ type: "cancel", request_id: requestId });
      }
    });
    if (!isUuid(requestId)) {
      // The server would refuse the frame without saying whose it was.
      answer.fail(new TesseraError("invalid_argument", "A request id is a UUID.", { requestId }));
      return answer;
    }
    const { signal } = options;
    if (signal?.aborted) {
      answer.cancelUnsent();
      return answer;
    }
    if (this.#answers.has(requestId)) {
      answer.fail(new TesseraError("duplicate_request", "This request id is in use.", { requestId }));
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

  /** The server refused a frame of ours. Whether that was about a request. */
  refused(error: TesseraError): boolean {
    if (error.code === "unknown_request") {
      // A cancel that crossed the answer's end, which may even arrive later: errors overtake answers.
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

  /** One frame was not read, and which one is not said: each request that may be it fails, and is cancelled. */
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
