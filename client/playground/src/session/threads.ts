import {
  type AnswerSnapshot,
  applyFrame,
  type ConversationSummary,
  newSnapshot,
  type StoredExchange,
} from "@tessera/client";
import { type RestClient, sentence } from "./account.js";
import { Watched } from "./list-store.js";

const POPUP = "popup-";
/** The most pages that are read to find a conversation that is not a popup's. */
const MOST_PAGES = 5;

/** The id of a new conversation of a popup. The list leaves out the conversations with such ids, on every device. */
export function popupConversation(): string {
  return `${POPUP}${crypto.randomUUID()}`;
}

/** The list of conversations as the server has it. `fault` is why it could not be read. */
export interface ThreadList {
  readonly threads: readonly ConversationSummary[];
  readonly next: string | undefined;
  readonly fault: string;
}

/** An exchange of a conversation from the server. */
export interface Exchange {
  readonly message: string;
  readonly snapshot: AnswerSnapshot;
}

/** The person's conversations on the server, newest first. */
export class Threads extends Watched<ThreadList> {
  #reading: Promise<void> | undefined;
  #again = false;

  /** `isPopup`: this tab knows that a conversation is a popup's, also one that an older server or page began. */
  constructor(
    private readonly api: RestClient,
    private readonly isPopup: (id: string) => boolean,
  ) {
    super({ threads: [], next: undefined, fault: "" });
  }

  /** Read the first page again. Calls while one is running cause one more. */
  refresh(): Promise<void> {
    if (this.#reading !== undefined) this.#again = true;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
      if (this.#again) {
        this.#again = false;
        void this.refresh();
      }
    });
    return this.#reading;
  }

  async more(): Promise<void> {
    const { next } = this.snapshot;
    if (next === undefined) return;
    await this.#attempt(async () => {
      const page = await this.#page(next);
      this.change(({ threads }) => ({
        threads: [...threads, ...page.threads.filter(({ id }) => !threads.some((known) => known.id === id))],
        next: page.next,
        fault: "",
      }));
    });
  }

  async rename(id: string, title: string): Promise<void> {
    await this.#attempt(async () => {
      const renamed = await this.api.conversations.rename(id, title);
      this.change((list) => ({
        ...list,
        threads: list.threads.map((known) => (known.id === id ? { ...known, title: renamed.title } : known)),
      }));
    });
  }

  /** Returns whether the server has forgotten the conversation. */
  async forget(id: string): Promise<boolean> {
    return await this.#attempt(async () => {
      await this.api.conversations.forget(id);
      this.change((list) => ({ ...list, threads: list.threads.filter((known) => known.id !== id) }));
    });
  }

  /** The latest exchanges of a conversation, oldest first, with all blocks of the answers that the server still keeps. */
  async exchanges(id: string): Promise<readonly Exchange[]> {
    const { exchanges } = await this.api.conversations.get(id, { limit: 30 });
    return await Promise.all([...exchanges].reverse().map((exchange) => this.#exchange(exchange)));
  }

  async #exchange(stored: StoredExchange): Promise<Exchange> {
    const { message, request_id: requestId } = stored;
    const empty = newSnapshot(requestId);
    try {
      const state = await this.api.requests.get(requestId);
      return { message, snapshot: applyFrame(empty, { ...state, type: "request_result", seq: 0 }) };
    } catch {
      // The server keeps the whole answer for some time only; memory has its text.
      const blocks = [{ index: 0, type: "text", text: stored.response, open: false }] as const;
      return { message, snapshot: { ...empty, status: stored.complete ? "completed" : "cancelled", blocks } };
    }
  }

  async #read(): Promise<void> {
    await this.#attempt(async () => {
      const page = await this.#page();
      this.change(() => ({ threads: page.threads, next: page.next, fault: "" }));
    });
  }

  /** The next conversations, without those of popups. Reads on while a page has none. */
  async #page(cursor?: string): Promise<Pick<ThreadList, "threads" | "next">> {
    let next = cursor;
    for (let pages = 1; ; pages += 1) {
      const page = await this.api.conversations.list(next === undefined ? {} : { cursor: next });
      const threads = page.conversations.filter(
        ({ id, kind }) => kind !== "popup" && !id.startsWith(POPUP) && !this.isPopup(id),
      );
      next = page.next;
      if (threads.length > 0 || next === undefined || pages === MOST_PAGES) return { threads, next };
    }
  }

  async #attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.change((list) => ({ ...list, fault: sentence(error) }));
      return false;
    }
  }
}
