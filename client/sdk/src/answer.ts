import type { AnswerBlock, StructuredBlock } from "./blocks.js";
import { Emitter } from "./emitter.js";
import type { TesseraError } from "./errors.js";
import {
  type AnswerFrame,
  type AnswerSnapshot,
  type AnswerTool,
  applyFrame,
  ended,
  type FinishedAnswer,
  newSnapshot,
} from "./snapshot.js";
import type { UndoLog, Undone } from "./undo.js";

type StructuredEvent<Block = StructuredBlock> = Block extends StructuredBlock
  ? { readonly type: "block"; readonly block: { readonly index: number; readonly open: false } & Block }
  : never;

/** The events of an answer, in order. `block` is a block as in `AnswerSnapshot.blocks`: `index`, `type`, `data` or `text`. */
export type AnswerEvent =
  /** The first event: the agent that answers (home), or the domain of the popup. */
  | { readonly type: "start"; readonly agent: string | null; readonly domain: AnswerSnapshot["domain"] }
  /** A block has begun: show a skeleton. */
  | { readonly type: "open"; readonly block: AnswerBlock & { readonly open: true } }
  /** More text of the block `index`. `replace`: the whole text so far, which does not continue the earlier chunks. */
  | { readonly type: "text"; readonly index: number; readonly chunk: string; readonly replace?: true }
  | StructuredEvent
  /** A tool call has begun, waits for the person's approval, or has ended. */
  | { readonly type: "tool"; readonly tool: AnswerTool }
  /** The last event. A failed answer has none: the loop throws instead. */
  | { readonly type: "end"; readonly answer: FinishedAnswer };

/**
 * A running answer: an async iterator of its events. `done` is a promise of the complete answer.
 *
 * An answer is not a promise itself, so an async function can return it. Each loop starts with the first event. Leaving
 * a loop early cancels the request. An answer goes on after a lost connection, without repeating an event.
 */
export interface Answer extends AsyncIterable<AnswerEvent> {
  readonly requestId: string;
  /**
   * Resolves to the complete answer, also for a cancelled one. Rejects with the `TesseraError` of a failed answer;
   * `snapshot.blocks` keeps the blocks that arrived. An ignored rejection is not reported as unhandled.
   */
  readonly done: Promise<FinishedAnswer>;
  /** The answer so far. Each change creates a new object. */
  readonly snapshot: AnswerSnapshot;
  /** Call `listener` after each change of `snapshot`. Returns a function that unsubscribes it. */
  subscribe(listener: () => void): () => void;
  /** How many changes of the agent on this device `undo` can revert. */
  readonly undoable: number;
  /**
   * Revert what the agent changed on this device for this answer, the last change first. A deleted item is created again
   * with its id. An item that was changed since is left unchanged (`failed`). The person's other devices are told.
   */
  undo(): Promise<Undone>;
  /** Ask the server to stop. The answer ends with status `cancelled`, unless it completes first. */
  cancel(): void;
}

/** An answer that is a promise, too. */
export interface ThenableAnswer extends Answer, PromiseLike<FinishedAnswer> {
  catch<Result = never>(
    onRejected?: ((reason: unknown) => Result | PromiseLike<Result>) | null,
  ): Promise<FinishedAnswer | Result>;
  finally(onFinally?: (() => void) | null): Promise<FinishedAnswer>;
}

/**
 * `answer` with the promise methods that answers had before `done`.
 *
 * @deprecated Use `answer.done`. Do not return the result from an async function: it would lose the events.
 */
export function thenable(answer: Answer): ThenableAnswer {
  const { done } = answer;
  return {
    requestId: answer.requestId,
    done,
    get snapshot() {
      return answer.snapshot;
    },
    subscribe: (listener) => answer.subscribe(listener),
    get undoable() {
      return answer.undoable;
    },
    undo: () => answer.undo(),
    cancel: () => answer.cancel(),
    [Symbol.asyncIterator]: () => answer[Symbol.asyncIterator](),
    // biome-ignore lint/suspicious/noThenProperty: the deprecated behaviour
    then: (onFulfilled, onRejected) => done.then(onFulfilled, onRejected),
    catch: (onRejected) => done.catch(onRejected),
    finally: (onFinally) => done.finally(onFinally),
  };
}

/** The implementation of `Answer`. The connection feeds it the frames. */
export class StreamedAnswer implements Answer {
  #snapshot: AnswerSnapshot;
  #cancelled = false;
  readonly #events: AnswerEvent[] = [];
  #started = false;
  /** The text or data of each block as the events have reported it. */
  readonly #reported = new Map<number, unknown>();
  readonly #reportedTools = new Map<string, AnswerTool["state"]>();
  readonly #changes = new Emitter<{ readonly change: undefined }>();
  readonly done: Promise<FinishedAnswer>;
  #resolve!: (answer: FinishedAnswer) => void;
  #reject!: (error: TesseraError) => void;

  /** `sendCancel` sends the `cancel` frame. `known`: what an earlier run of the application has shown. */
  constructor(
    readonly requestId: string,
    private readonly sendCancel: () => void,
    known?: AnswerSnapshot,
    private readonly undoLog?: Pick<UndoLog, "count" | "undo">,
  ) {
    const empty = newSnapshot(requestId);
    this.#snapshot = known === undefined ? empty : { ...empty, blocks: known.blocks };
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // An application that loops or reads the snapshot sees the failure there. It need not await `done`.
    this.done.catch(() => undefined);
  }

  get snapshot(): AnswerSnapshot {
    return this.#snapshot;
  }

  get undoable(): number {
    return this.undoLog?.count(this.requestId) ?? 0;
  }

  async undo(): Promise<Undone> {
    const undone = (await this.undoLog?.undo(this.requestId)) ?? { changes: [], failed: [] };
    this.#changes.emit("change", undefined); // `undoable` has changed
    return undone;
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
    const before = this.#snapshot;
    const after = applyFrame(before, frame);
    if (frame.type === "stream_text" && !frame.replace) {
      this.#reportText(frame.block, frame.chunk, before, after);
    } else {
      this.#report(after);
    }
    this.#settle(after);
  }

  /** Whether the request waits in the client. */
  setQueued(queued: boolean): void {
    const { queued: before = false, ...snapshot } = this.#snapshot;
    if (this.#running && before !== queued) {
      this.#settle(queued ? { ...snapshot, queued } : snapshot);
    }
  }

  /** End the answer with `error`. */
  fail(error: TesseraError): void {
    if (this.#running) {
      this.#settle(ended(this.#snapshot, "failed", error));
    }
  }

  /** End the answer as cancelled, without a request on the server. */
  cancelHere(): void {
    if (this.#running) {
      this.#cancelled = true;
      this.#settle(ended(this.#snapshot, "cancelled", null));
    }
  }

  #settle(snapshot: AnswerSnapshot): void {
    this.#snapshot = snapshot;
    if (snapshot.error !== null) {
      this.#reject(snapshot.error);
    } else if (snapshot.status !== "running") {
      const answer = snapshot as FinishedAnswer;
      this.#events.push({ type: "end", answer });
      this.#resolve(answer);
    }
    this.#changes.emit("change", undefined);
  }

  /** The usual case: `chunk` continues the text that was reported. */
  #reportText(index: number, chunk: string, before: AnswerSnapshot, after: AnswerSnapshot): void {
    const was = textOf(before, index);
    if (was !== (this.#reported.get(index) ?? "")) {
      this.#report(after); // after a replay that has not caught up
      return;
    }
    this.#reported.set(index, textOf(after, index));
    this.#events.push({ type: "text", index, chunk });
  }

  /** Add the events of new content in `snapshot`. A replay of reported content adds none. */
  #report({ agent, domain, blocks, tools, status }: AnswerSnapshot): void {
    if (!this.#started && (agent !== null || domain !== null)) {
      this.#started = true;
      this.#events.push({ type: "start", agent, domain });
    }
    for (const tool of tools) {
      if (this.#reportedTools.get(tool.callId) !== tool.state) {
        this.#reportedTools.set(tool.callId, tool.state);
        this.#events.push({ type: "tool", tool });
      }
    }
    for (const block of blocks) {
      const known = this.#reported.get(block.index);
      const content = block.type === "text" ? block.text : block.data;
      if (content === known) {
        continue;
      }
      if (known === undefined && status === "running" && block.open && !content) {
        this.#reported.set(block.index, content);
        this.#events.push({ type: "open", block: block as AnswerBlock & { readonly open: true } });
        continue;
      }
      const event = eventOf(block, known);
      if (event !== undefined) {
        this.#reported.set(block.index, content);
        this.#events.push(event);
      }
    }
  }
}

function textOf({ blocks }: AnswerSnapshot, index: number): string {
  const block = blocks.findLast((candidate) => candidate.index === index);
  return block?.type === "text" ? block.text : "";
}

/** The event for new content in `block`. `known` was reported before. Undefined if nothing is new. */
function eventOf(block: AnswerBlock, known: unknown): AnswerEvent | undefined {
  const { index, type } = block;
  if (type !== "text") {
    const same = block.data === null || JSON.stringify(block.data) === JSON.stringify(known);
    return same ? undefined : ({ type: "block", block } as StructuredEvent);
  }
  const { text } = block;
  if (typeof known !== "string" || text.startsWith(known)) {
    const chunk = typeof known === "string" ? text.slice(known.length) : text;
    return chunk === "" ? undefined : { type: "text", index, chunk };
  }
  // A long text is replayed in parts, which catch up with the reported text.
  return known.startsWith(text) ? undefined : { type: "text", index, chunk: text, replace: true };
}
