import { type Answer, type AnswerSnapshot, type Entity, TesseraError } from "@tessera/client";
import type { Item } from "../device/items.js";

/** The part of an answer that a card needs. */
export type CardAnswer = Pick<Answer, "requestId" | "snapshot" | "subscribe" | "cancel">;

/** A request and its answer. `on` is the item of a popup. */
export interface Asked {
  readonly id: string;
  readonly message: string;
  readonly on: { readonly entity: Entity; readonly item: Item } | undefined;
  readonly answer: CardAnswer;
}

/** A stored request: with the answer that the page has shown. */
export interface StoredCard {
  readonly message: string;
  readonly on?: Asked["on"];
  readonly snapshot: AnswerSnapshot;
}

const MOST_STORED = 30;
const SAVED_AFTER_MS = 250;

/** Stores the cards of this tab, so that they are there after a reload. */
export class Cards {
  #cards: readonly Asked[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #watched = new Set<CardAnswer>();

  constructor(
    private readonly storage: Pick<Storage, "getItem" | "setItem">,
    private readonly key: string,
  ) {}

  /** The stored cards, newest first. */
  load(): readonly StoredCard[] {
    try {
      const stored: readonly StoredCard[] = JSON.parse(this.storage.getItem(this.key) ?? "[]");
      return stored.map((card) => ({ ...card, snapshot: revived(card.snapshot) }));
    } catch {
      return [];
    }
  }

  /** From now on, these are the cards. Their answers are stored while they grow. */
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

  /** Store the cards now, because the page is about to close. */
  save = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const cards = this.#cards.slice(0, MOST_STORED).map(
      ({ message, on, answer: { snapshot } }): StoredCard => ({
        message,
        ...(on === undefined ? {} : { on }),
        // JSON.stringify leaves out the message of an Error.
        snapshot: { ...snapshot, error: plain(snapshot.error) },
      }),
    );
    try {
      this.storage.setItem(this.key, JSON.stringify(cards));
    } catch {
      // The storage is full. The cards stay on the page, but a reload shows older ones.
    }
  };

  #later = (): void => {
    this.#timer ??= setTimeout(this.save, SAVED_AFTER_MS);
  };
}

/** An answer that had ended before the page was loaded. */
export function finished(snapshot: AnswerSnapshot): CardAnswer {
  return {
    requestId: snapshot.requestId,
    snapshot,
    subscribe: () => () => undefined,
    cancel: () => undefined,
  };
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
