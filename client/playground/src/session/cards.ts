import { type Answer, type AnswerSnapshot, type Entity, TesseraError } from "@tessera/client";
import type { Item } from "../device/items.js";

/** The part of an answer that the page needs. */
export type CardAnswer = Pick<Answer, "requestId" | "snapshot" | "subscribe" | "cancel" | "undoable" | "undo">;

/** A message and its answer. `on` is the item of a popup. */
export interface Asked {
  readonly id: string;
  /** The id of the conversation. The questions of a popup about one item are a conversation. */
  readonly conversation: string | undefined;
  readonly message: string;
  readonly on: { readonly entity: Entity; readonly item: Item } | undefined;
  readonly answer: CardAnswer;
}

/** A stored message: with the answer that the page has shown. */
export interface StoredCard {
  readonly message: string;
  readonly conversation?: string;
  readonly on?: Asked["on"];
  readonly snapshot: AnswerSnapshot;
}

const MOST_STORED = 100;
const MOST_HISTORY_CHARS = 60_000;
const SAVED_AFTER_MS = 250;

/** Stores the messages and answers of this tab, so that they are there after a reload. */
export class Cards {
  #cards: readonly Asked[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #watched = new Set<CardAnswer>();

  constructor(
    private readonly storage: Pick<Storage, "getItem" | "setItem">,
    private readonly key: string,
  ) {}

  /** The stored messages, oldest first. */
  load(): readonly StoredCard[] {
    try {
      const stored: readonly StoredCard[] = JSON.parse(this.storage.getItem(this.key) ?? "[]");
      return stored.map((card) => ({ ...card, snapshot: revived(card.snapshot) }));
    } catch {
      return [];
    }
  }

  /** From now on, these are the messages. Their answers are stored while they grow. */
  follow = (cards: readonly Asked[]): void => {
    this.#cards = cards;
    for (const { answer } of cards) {
      if (!this.#watched.has(answer)) {
        this.#watched.add(answer);
        answer.subscribe(this.#later);
      }
    }
    this.#later();
  };

  /** Store everything now, because the page is about to close. */
  save = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // If the storage is full, the oldest ones are left out.
    for (let most = MOST_STORED; most > 0; most = Math.floor(most / 2)) {
      const cards = this.#cards.slice(-most).map(
        ({ message, conversation, on, answer: { snapshot } }): StoredCard => ({
          message,
          ...(conversation === undefined ? {} : { conversation }),
          ...(on === undefined ? {} : { on }),
          // JSON.stringify leaves out the message of an Error.
          snapshot: { ...snapshot, error: plain(snapshot.error) },
        }),
      );
      try {
        this.storage.setItem(this.key, JSON.stringify(cards));
        return;
      } catch {
        // Try fewer.
      }
    }
  };

  /** Store nothing any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#cards = [];
    this.#stopped = true;
  }

  #stopped = false;

  #later = (): void => {
    if (!this.#stopped) this.#timer ??= setTimeout(this.save, SAVED_AFTER_MS);
  };
}

/** An answer that had ended before the page was loaded. */
export function finished(snapshot: AnswerSnapshot): CardAnswer {
  return {
    requestId: snapshot.requestId,
    snapshot,
    subscribe: () => () => undefined,
    cancel: () => undefined,
    undoable: 0,
    undo: async () => ({ changes: [], failed: [] }),
  };
}

/** The text of an answer, for the clipboard and for the history of a conversation. */
export function textOf({ blocks }: AnswerSnapshot): string {
  return blocks
    .map((block) => (block.type === "text" ? block.text : ""))
    .filter(Boolean)
    .join("\n\n");
}

/** The conversation so far, with the newest messages if it is long. */
export function history(entries: readonly Asked[]) {
  const messages: { role: "user" | "assistant"; content: string }[] = [];
  let size = 0;
  for (const { message, answer } of [...entries].reverse()) {
    const said = textOf(answer.snapshot);
    size += message.length + said.length;
    if (size > MOST_HISTORY_CHARS) break;
    if (said !== "") messages.unshift({ role: "user", content: message }, { role: "assistant", content: said });
  }
  return messages;
}

function plain(error: TesseraError | null): TesseraError | null {
  return error && ({ code: error.code, message: error.message, retryable: error.retryable } as TesseraError);
}

function revived(snapshot: AnswerSnapshot): AnswerSnapshot {
  const { error, requestId } = snapshot;
  return {
    ...snapshot,
    error: error && new TesseraError(error.code, error.message, { retryable: error.retryable, requestId }),
  };
}
