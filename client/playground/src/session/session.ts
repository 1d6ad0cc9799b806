import {
  type Change,
  connect,
  type Entity,
  rest,
  type Tessera,
  type TesseraErrorCode,
  type TokenReason,
} from "@tessera/client";
import { ApprovalQueue } from "@tessera/react";
import { type Item, nameOf } from "../device/items.js";
import { sampleItems } from "../device/sample.js";
import { Store } from "../device/store.js";
import { toolsOver } from "../device/tools.js";
import { fill, type Words } from "../words/words.js";
import {
  type Account,
  clearTab,
  conversationId,
  deviceId,
  forgetAccount,
  nameAccount,
  type RestClient,
  sentence,
  storeAccount,
  storeConversationId,
} from "./account.js";
import { type Asked, type CardAnswer, Cards, finished, history } from "./cards.js";
import { FrameLog } from "./frame-log.js";
import { ListStore, Watched } from "./list-store.js";
import { popupConversation, Threads } from "./threads.js";

/** A notice for the person, such as a change on another device. `undo` reverts what it reports. */
export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly undo: (() => void) | undefined;
}

interface Message {
  /** The idempotency key: the server answers a repeated id with the answer that it has. */
  readonly requestId?: string;
  /** The messages that this one replaces. */
  readonly instead?: readonly string[];
}

const MOST_NOTICES = 4;
/** An access token with less time left is replaced before it is used. */
const LEAST_LEFT_MS = 30_000;
const REPLACED = "tessera.replaced";
/** With these codes the page can't know whether the server has the request, so it is sent again with its id. */
const UNCERTAIN: ReadonlySet<TesseraErrorCode> = new Set<TesseraErrorCode>([
  "offline",
  "disconnected",
  "connection_failed",
  "closed",
  "timeout",
  "token_refused",
  "token_unavailable",
]);

/** A signed-in device: its data, its connection, its conversations and notices. Created once, outside of React. */
export class Session {
  readonly store = new Store(sessionStorage, () => sampleItems(Date.now()));
  readonly approvals = new ApprovalQueue();
  readonly frames = new FrameLog();
  /** All messages of this tab, oldest first. */
  readonly asked = new ListStore<Asked>();
  readonly notices = new ListStore<Notice>();
  /** The id of the open conversation, and whether its messages are being read from the server. */
  readonly conversation: Watched<{ readonly id: string; readonly loading: boolean }>;
  readonly threads: Threads;
  /** Changes when a guest account gets an address. */
  readonly account: Watched<Account>;
  readonly device = deviceId();
  readonly api: RestClient;
  readonly tessera: Tessera;
  readonly #cards: Cards;
  #replaced: ReadonlySet<string> = readReplaced();
  #notices = 0;
  /** Until the first connection, messages wait for it. After that, a lost connection fails them, and the person decides. */
  #waits = true;
  #closed = false;

  constructor(
    account: Account,
    url: string,
    private readonly words: Words,
    onEnded: () => void,
  ) {
    this.account = new Watched(account);
    const onRefused = (): void => {
      if (!this.#closed) onEnded();
    };
    const keep = (refreshToken: string | null): void => {
      if (refreshToken === null) onRefused();
      else
        void tokens?.getToken().then((accessToken) => {
          const { accessUntil: _, ...known } = this.account.snapshot;
          if (!this.#closed) this.#keep({ ...known, accessToken, refreshToken });
        });
    };
    // Without a refresh token, the access token is valid for an hour. After that the person must sign in again.
    const stored = async (reason = "connect"): Promise<string> => {
      if (reason === "refused") onRefused();
      return account.accessToken;
    };
    const hasLogin = account.refreshToken !== undefined;
    this.api = rest({ baseUrl: location.origin, onRefreshToken: keep, ...(hasLogin ? {} : { getToken: stored }) });
    const tokens = hasLogin ? this.api.resumeLogin(account.refreshToken) : undefined;
    const getToken = async (reason: TokenReason): Promise<string> => {
      if (tokens === undefined) return await stored(reason);
      const { accessToken, accessUntil = 0 } = this.account.snapshot;
      // The first connection does not wait for a new token while the one of the login is valid.
      const isValid = reason === "connect" && Date.now() < accessUntil - LEAST_LEFT_MS;
      return isValid ? accessToken : await tokens.getToken(reason);
    };
    this.#cards = new Cards(sessionStorage, `tessera.cards.${this.device}`);
    this.conversation = new Watched({ id: conversationId(), loading: false });
    this.threads = new Threads(this.api, (id) =>
      this.asked.snapshot.some(({ conversation, on }) => conversation === id && on !== undefined),
    );
    this.tessera = connect({
      url,
      store: sessionStorage,
      deviceId: this.device,
      client: { name: "Tessera playground", version: "0.1.0", platform: "browser" },
      getToken,
      tools: toolsOver(this.store),
      approve: this.approvals.ask,
    });
    this.tessera.on("frame", this.frames.add);
    this.tessera.on("mutation", (change) => {
      const name = this.#nameOf(change);
      if (this.store.apply(change))
        this.notice(fill(PAST(words)[change.op], { name: name ?? this.#nameOf(change) ?? "" }));
    });
    this.tessera.on("resync", () => this.notice(words.resync));
    this.tessera.on("error", (error) => this.notice(error.message));
    this.tessera.on("state", ({ name }) => {
      if (name !== "online") return;
      this.#waits = false;
      void this.threads.refresh();
    });
    this.#restore();
    addEventListener("pagehide", this.#cards.save);
  }

  /** Give the guest account an address and a password. The data, the connection and the login stay. */
  async nameAccount(given: Parameters<typeof nameAccount>[2]): Promise<void> {
    const named = await nameAccount(this.api, this.account.snapshot, given);
    // Meanwhile the tokens may have changed.
    this.#keep({ ...this.account.snapshot, email: named.email, guest: false });
  }

  /**
   * Send a message in the open conversation. Before the first connection it waits; after a lost one its answer fails
   * immediately.
   */
  home(message: string, { requestId, instead = [] }: Message = {}): void {
    const gone = new Set(instead);
    this.#replace(instead.filter((other) => other !== requestId));
    const open = this.conversation.snapshot.id;
    const before = this.asked.snapshot.filter((entry) => entry.conversation === open && !gone.has(entry.id));
    // The server has the replaced messages in its own history of a conversation. So the page sends the history itself,
    // and without any, it begins another conversation.
    if (instead.length > 0 && before.length === 0 && requestId === undefined) this.begin();
    const { id } = this.conversation.snapshot;
    const edited = before.length > 0 && this.#replaced.size > 0;
    const answer = this.tessera.home(message, {
      conversationId: id,
      queue: this.#waits,
      ...(requestId === undefined ? {} : { requestId }),
      ...(edited ? { history: history(before) } : {}),
    });
    this.#change((entries) => entries.filter((entry) => !gone.has(entry.id)));
    this.#add({ message, conversation: id, on: undefined, answer });
  }

  /** Ask in a popup on `item`. */
  popup(message: string, entity: Entity, item: Item, requestId?: string): void {
    // The questions about an item are one conversation, so that each knows those before it.
    const before = this.asked.snapshot.findLast(({ on }) => on?.entity === entity && on.item.id === item.id);
    const conversationId = before?.conversation ?? popupConversation();
    const answer = this.tessera.popup(
      message,
      { type: entity, id: item.id },
      { conversationId, queue: this.#waits, ...(requestId === undefined ? {} : { requestId }) },
    );
    this.#change((entries) => entries.filter(({ id }) => id !== requestId));
    this.#add({ message, conversation: conversationId, on: { entity, item }, answer });
  }

  /**
   * Ask again. A request that may be on the server keeps its id, so that it never runs twice; one that the server has
   * ended gets a new id.
   */
  retry(entry: Asked): void {
    const { error } = entry.answer.snapshot;
    const same = error !== null && UNCERTAIN.has(error.code);
    const { on } = entry;
    if (on !== undefined) {
      this.popup(entry.message, on.entity, on.item, same ? entry.id : undefined);
      if (!same) this.remove(entry.id);
    } else {
      this.home(entry.message, { instead: this.#from(entry), ...(same ? { requestId: entry.id } : {}) });
    }
  }

  /** Replace a message, its answer and everything after it. */
  resend(entry: Asked, message: string): void {
    this.home(message, { instead: this.#from(entry) });
  }

  remove(id: string): void {
    this.#change((entries) => entries.filter((entry) => entry.id !== id));
  }

  /** Begin a conversation. Answers of the one that was open go on. */
  begin(): void {
    this.#open(crypto.randomUUID(), false);
  }

  /** Show a conversation: what this tab has of it, and what the server has. */
  async open(id: string): Promise<void> {
    this.#open(id, true);
    try {
      const exchanges = await this.threads.exchanges(id);
      const known = new Set(this.asked.snapshot.map((entry) => entry.id));
      const missing = exchanges
        .filter(({ snapshot: { requestId } }) => !known.has(requestId) && !this.#replaced.has(requestId))
        .map(({ message, snapshot }): Asked => {
          const { requestId } = snapshot;
          const running = snapshot.status === "running";
          const answer = running ? this.tessera.request(requestId, { known: snapshot }) : finished(snapshot);
          return { id: requestId, conversation: id, message, on: undefined, answer };
        });
      const order = new Map(exchanges.map(({ snapshot }, place) => [snapshot.requestId, place]));
      const place = (entry: Asked) => order.get(entry.id) ?? order.size;
      this.#change((entries) => {
        const own = [...missing, ...entries.filter((entry) => entry.conversation === id)];
        return [...entries.filter((entry) => entry.conversation !== id), ...own.sort((a, b) => place(a) - place(b))];
      });
    } catch (error) {
      this.notice(sentence(error));
    } finally {
      this.conversation.change((open) => (open.id === id ? { id, loading: false } : open));
    }
  }

  /** Forget a conversation on the server and here. */
  async forgetThread(id: string): Promise<void> {
    if (!(await this.threads.forget(id))) return;
    this.#change((entries) => entries.filter((entry) => entry.conversation !== id));
    if (this.conversation.snapshot.id === id) this.begin();
  }

  /** Cancel what runs in the open conversation. Returns whether something ran. */
  stop(): boolean {
    const { id } = this.conversation.snapshot;
    const running = this.asked.snapshot.filter(
      (entry) => entry.conversation === id && entry.answer.snapshot.status === "running",
    );
    for (const { answer } of running) answer.cancel();
    return running.length > 0;
  }

  /** Send a change that the person made by hand to the other devices. Without a connection, it is sent later. */
  tell(change: Change): void {
    try {
      this.tessera.mutate(change);
    } catch {
      this.notice(this.words.storageFull);
    }
  }

  notice(text: string, undo?: () => void): void {
    this.#notices += 1;
    const entry = { id: this.#notices, text, undo };
    this.notices.change((entries) => [...entries, entry].slice(-MOST_NOTICES));
  }

  /** Store the messages now, and not a moment later. */
  save(): void {
    this.#cards.save();
  }

  dismiss(id: number): void {
    this.notices.change((entries) => entries.filter((entry) => entry.id !== id));
  }

  /** Close the connection. `forget`: also end the login and delete everything that this tab stores of the person. */
  close(forget: boolean): void {
    this.#closed = true;
    removeEventListener("pagehide", this.#cards.save);
    if (forget) {
      this.#cards.stop();
      void this.api.account.logout().catch(() => undefined); // without a connection, the login ends by its age
      this.tessera.close();
      clearTab();
    } else {
      this.#cards.save(); // before the running answers fail, so that they go on after the next sign-in
      this.#cards.stop();
      this.tessera.close();
      forgetAccount();
    }
  }

  #keep(account: Account): void {
    this.account.change(() => account);
    storeAccount(account);
  }

  #open(id: string, loading: boolean): void {
    storeConversationId(id);
    this.conversation.change(() => ({ id, loading }));
  }

  /** The ids of `entry` and of the messages after it in its conversation. */
  #from(entry: Asked): readonly string[] {
    const own = this.asked.snapshot.filter(({ conversation }) => conversation === entry.conversation);
    return own.slice(own.indexOf(entry)).map(({ id, answer }) => {
      answer.cancel();
      return id;
    });
  }

  /** The server keeps replaced messages; this tab neither shows them nor sends them as history. */
  #replace(ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.#replaced = new Set([...this.#replaced, ...ids]);
    sessionStorage.setItem(REPLACED, JSON.stringify([...this.#replaced]));
  }

  /** Show the messages from before a reload. Running answers go on; the server sends what the page has missed. */
  #restore(): void {
    const cards = this.#cards.load().map(({ message, conversation, on, snapshot }): Asked => {
      const { requestId: id } = snapshot;
      const running = snapshot.status === "running";
      const answer = snapshot.queued
        ? this.#sendLater(message, id, conversation, on)
        : running
          ? this.tessera.request(id, { known: snapshot })
          : finished(snapshot);
      return { id, conversation, message, on, answer };
    });
    this.#change(() => cards);
    for (const { answer } of cards) this.#whenEnded(answer);
  }

  /** Send a message that waited for the connection when the page was left. */
  #sendLater(message: string, requestId: string, conversation: string | undefined, on: Asked["on"]): CardAnswer {
    const options = { requestId, queue: true, ...(conversation === undefined ? {} : { conversationId: conversation }) };
    return on === undefined
      ? this.tessera.home(message, options)
      : this.tessera.popup(message, { type: on.entity, id: on.item.id }, options);
  }

  #add(asked: Omit<Asked, "id">): void {
    const entry: Asked = { id: asked.answer.requestId, ...asked };
    this.#change((entries) => [...entries, entry]);
    if (asked.conversation !== undefined) this.#whenEnded(asked.answer);
  }

  /** The list of conversations has an exchange as soon as its answer has ended. */
  #whenEnded(answer: CardAnswer): void {
    if (answer.snapshot.status !== "running") return;
    const stop = answer.subscribe(() => {
      if (answer.snapshot.status === "running") return;
      stop();
      void this.threads.refresh();
    });
  }

  #change(change: (entries: readonly Asked[]) => readonly Asked[]): void {
    this.asked.change(change);
    this.#cards.follow(this.asked.snapshot);
  }

  #nameOf({ entity, id }: Change): string | undefined {
    const item = this.store.get(entity, id);
    return item && nameOf(entity, item);
  }
}

const PAST = (words: Words): Readonly<Record<Change["op"], string>> => ({
  create: words.otherCreated,
  update: words.otherUpdated,
  delete: words.otherDeleted,
});

function readReplaced(): ReadonlySet<string> {
  try {
    return new Set<string>(JSON.parse(sessionStorage.getItem(REPLACED) ?? "[]"));
  } catch {
    return new Set();
  }
}
