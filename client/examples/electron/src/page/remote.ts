import { type AnswerSnapshot, TesseraError } from "@tessera/client";
import { ApprovalQueue, type UndoSource } from "@tessera/react";
import type { Bridge, Exchange, Question, Update, View } from "../bridge.js";
import { type AnswerDelta, type PlainError, type PlainSnapshot, withDelta } from "../delta.js";

/** An answer that runs in the main process. */
export class RemoteAnswer implements UndoSource {
  readonly requestId: string;
  readonly message: string;
  undoable: number;
  #plain: PlainSnapshot;
  #snapshot: AnswerSnapshot;
  readonly #listeners = new Set<() => void>();

  constructor(
    private readonly bridge: Bridge,
    { requestId, message, snapshot, undoable }: Exchange,
  ) {
    this.requestId = requestId;
    this.message = message;
    this.undoable = undoable;
    this.#plain = snapshot;
    this.#snapshot = whole(snapshot);
  }

  get snapshot(): AnswerSnapshot {
    return this.#snapshot;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  cancel(): void {
    this.bridge.cancel(this.requestId);
  }

  async undo(): ReturnType<UndoSource["undo"]> {
    const count = await this.bridge.undo(this.requestId);
    // The main process has the details. The toast shows the number.
    const failed = Array.from({ length: count }, () => ({ entity: "task", id: "", code: "conflict" }) as const);
    return { changes: [], failed };
  }

  apply(delta: AnswerDelta, undoable: number): void {
    this.undoable = undoable;
    this.#plain = withDelta(this.#plain, delta);
    this.#snapshot = whole(this.#plain);
    for (const listener of [...this.#listeners]) listener();
  }
}

/** What the page shows, apart from the content of answers. Each change creates a new object. */
export interface Shown extends Omit<View, "exchanges"> {
  readonly answers: readonly RemoteAnswer[];
}

/** The page's copy of the main process's state. */
export class Remote {
  readonly questions = new ApprovalQueue();
  readonly #withdrawals = new Map<string, AbortController>();
  readonly #titles = new Map<string, string>();
  #shown: Shown | null = null;
  readonly #listeners = new Set<() => void>();

  constructor(readonly bridge: Bridge) {
    bridge.start((update) => this.#take(update));
  }

  /** Null until the main process has told it. */
  get snapshot(): Shown | null {
    return this.#shown;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** The title of the item of a question, or of a task. */
  readonly titleOf = (id: string): string | undefined =>
    this.#shown?.tasks.find((task) => task.id === id)?.title ?? this.#titles.get(id);

  #take(update: Update): void {
    switch (update.type) {
      case "view": {
        const { exchanges, ...rest } = update.view;
        const answers = exchanges.map((exchange) => new RemoteAnswer(this.bridge, exchange));
        this.#ask(rest.questions);
        this.#change({ ...rest, answers });
        break;
      }
      case "changed":
        if (update.fields.questions !== undefined) this.#ask(update.fields.questions);
        if (this.#shown !== null) this.#change({ ...this.#shown, ...update.fields });
        break;
      case "asked":
        if (this.#shown !== null) {
          const answer = new RemoteAnswer(this.bridge, update.exchange);
          this.#change({ ...this.#shown, answers: [...this.#shown.answers, answer] });
        }
        break;
      case "answer":
        this.#shown?.answers
          .find(({ requestId }) => requestId === update.delta.requestId)
          ?.apply(update.delta, update.undoable);
    }
  }

  /** Show the new questions, and remove those that need no answer any more. */
  #ask(questions: readonly Question[]): void {
    const waiting = new Set(questions.map(({ call }) => call.callId));
    for (const [callId, withdrawal] of this.#withdrawals) {
      if (!waiting.has(callId)) {
        this.#withdrawals.delete(callId);
        withdrawal.abort();
      }
    }
    for (const { call, title, deadlineAt } of questions) {
      if (this.#withdrawals.has(call.callId)) continue;
      const withdrawal = new AbortController();
      this.#withdrawals.set(call.callId, withdrawal);
      if (title !== null) this.#titles.set(String(call.args["id"]), title);
      void this.questions.ask(call, { signal: withdrawal.signal, deadlineAt }).then((decision) => {
        if (!withdrawal.signal.aborted) this.bridge.decide(call.callId, decision);
      });
    }
  }

  #change(shown: Shown): void {
    this.#shown = shown;
    for (const listener of [...this.#listeners]) listener();
  }
}

/** A `TesseraError` of plain data. */
export function errorOf({ code, message, text, retryable }: PlainError): TesseraError {
  return new TesseraError(code as TesseraError["code"], message, { text, retryable });
}

function whole(snapshot: PlainSnapshot): AnswerSnapshot {
  return { ...snapshot, error: snapshot.error && errorOf(snapshot.error) };
}
