import type { BlockType, StructuredBlock } from "./blocks.js";
import { Emitter } from "./emitter.js";
import { TesseraError } from "./errors.js";
import type { WsStreamEnd } from "./generated/protocol.js";
import {
  type AnswerFrame,
  type AnswerSnapshot,
  ended,
  type FinishedAnswer,
  newSnapshot,
  structured,
  withFrame,
} from "./snapshot.js";

type Structured<Block = StructuredBlock> = Block extends StructuredBlock
  ? { readonly type: "block"; readonly block: number; readonly blockType: Block["type"]; readonly data: Block["data"] }
  : never;

/** The events of an answer, in order. `block` is the index of a block. */
export type AnswerEvent =
  /** The first event: the agent that answers (home), or the domain of the popup. */
  | { readonly type: "start"; readonly agent: string | null; readonly domain: AnswerSnapshot["domain"] }
  | { readonly type: "open"; readonly block: number; readonly blockType: BlockType }
  | { readonly type: "text"; readonly block: number; readonly chunk: string }
  | Structured
  /** The last event. A failed answer has none: the loop throws instead. */
  | { readonly type: "end"; readonly answer: FinishedAnswer };

/**
 * A running answer: an async iterator of its events, and a promise of the complete answer.
 *
 * The promise resolves to the complete answer, also for a cancelled one. A failed answer throws its `TesseraError`;
 * `snapshot.blocks` keeps the blocks that arrived. Each loop starts with the first event. Leaving a loop early cancels
 * the request.
 */
export interface Answer extends AsyncIterable<AnswerEvent>, Promise<FinishedAnswer> {
  readonly requestId: string;
  /** The answer so far. Each change creates a new object. */
  readonly snapshot: AnswerSnapshot;
  /** Call `listener` after each change of `snapshot`. Returns a function that unsubscribes it. */
  subscribe(listener: () => void): () => void;
  /** Ask the server to stop. The answer ends with status `cancelled`, unless it completes first. */
  cancel(): void;
  catch<Result = never>(
    onRejected?: ((reason: unknown) => Result | PromiseLike<Result>) | null,
  ): Promise<FinishedAnswer | Result>;
  finally(onFinally?: (() => void) | null): Promise<FinishedAnswer>;
}

/** The implementation of `Answer`. The connection feeds it the frames. */
export class StreamedAnswer implements Answer {
  readonly [Symbol.toStringTag] = "Answer";
  #snapshot: AnswerSnapshot;
  #cancelled = false;
  readonly #events: AnswerEvent[] = [];
  readonly #changes = new Emitter<{ readonly change: undefined }>();
  readonly #whole: Promise<FinishedAnswer>;
  #resolve!: (answer: FinishedAnswer) => void;
  #reject!: (error: TesseraError) => void;

  /** `sendCancel` sends the `cancel` frame. */
  constructor(
    readonly requestId: string,
    private readonly sendCancel: () => void,
  ) {
    this.#snapshot = newSnapshot(requestId);
    this.#whole = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // An application that loops or reads the snapshot sees the failure there. It need not await the promise.
    this.#whole.catch(() => undefined);
  }

  get snapshot(): AnswerSnapshot {
    return this.#snapshot;
  }

  get #running(): boolean {
    return this.#snapshot.status === "running";
  }

  subscribe(listener: () => void): () => void {
    return this.#changes.on("change", listener);
  }

  cancel(): void {
    if (this.#running && !this.#cancelled) {
      this.#cancelled = true;
      this.sendCancel();
    }
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting an answer is the point of it
  then<Result = FinishedAnswer, Failure = never>(
    onFulfilled?: ((answer: FinishedAnswer) => Result | PromiseLike<Result>) | null,
    onRejected?: ((reason: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Result | Failure> {
    return this.#whole.then(onFulfilled, onRejected);
  }

  catch<Result = never>(
    onRejected?: ((reason: unknown) => Result | PromiseLike<Result>) | null,
  ): Promise<FinishedAnswer | Result> {
    return this.#whole.catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<FinishedAnswer> {
    return this.#whole.finally(onFinally);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<AnswerEvent, void, undefined> {
    let next = 0;
    let wake = (): void => undefined;
    const unsubscribe = this.subscribe(() => wake());
    try {
      for (;;) {
        for (let event = this.#events[next]; event !== undefined; event = this.#events[next]) {
          next += 1;
          yield event;
        }
        if (this.#snapshot.error !== null) {
          throw this.#snapshot.error;
        }
        if (!this.#running) {
          return;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      unsubscribe();
      this.cancel();
    }
  }

  // ---- called by the connection -------------------------------------------------------------------------------------

  /** Process the next frame of this answer. Frames after its end are ignored. */
  receive(frame: AnswerFrame): void {
    if (!this.#running) {
      return;
    }
    if (frame.type === "stream_end") {
      this.#end(frame);
      return;
    }
    this.#change(withFrame(this.#snapshot, frame), eventOf(frame));
  }

  /** End the answer with `error`. */
  fail(error: TesseraError): void {
    if (this.#running) {
      this.#settle(ended(this.#snapshot, "failed", error));
    }
  }

  /** End the answer as cancelled, before the request was sent. */
  cancelUnsent(): void {
    this.#cancelled = true;
    this.#settle(ended(this.#snapshot, "cancelled", null));
  }

  #end(frame: WsStreamEnd): void {
    const { status, error } = frame;
    const outcome = status === "completed" || status === "cancelled" ? status : "failed";
    const failure =
      outcome === "failed"
        ? new TesseraError(error?.code ?? "internal", error?.message ?? "The server failed to answer.", {
            retryable: error?.retryable ?? false,
            requestId: this.requestId,
          })
        : null;
    this.#settle(ended(this.#snapshot, outcome, failure, frame));
  }

  #settle(snapshot: AnswerSnapshot): void {
    if (snapshot.error !== null) {
      this.#change(snapshot);
      this.#reject(snapshot.error);
    } else {
      const answer = snapshot as FinishedAnswer;
      this.#change(answer, { type: "end", answer });
      this.#resolve(answer);
    }
  }

  #change(snapshot: AnswerSnapshot, event?: AnswerEvent): void {
    this.#snapshot = snapshot;
    if (event !== undefined) {
      this.#events.push(event);
    }
    this.#changes.emit("change", undefined);
  }
}

function eventOf(frame: Exclude<AnswerFrame, WsStreamEnd>): AnswerEvent {
  switch (frame.type) {
    case "stream_start":
      return { type: "start", agent: frame.agent, domain: null };
    case "popup_domain":
      return { type: "start", agent: null, domain: frame.domain };
    case "block_open":
      return { type: "open", block: frame.block, blockType: frame.block_type };
    case "stream_text":
      return { type: "text", block: frame.block, chunk: frame.chunk };
    case "stream_block": {
      const { type: blockType, data } = structured(frame);
      return { type: "block", block: frame.block, blockType, data } as Structured;
    }
  }
}
