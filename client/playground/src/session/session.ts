import { type Change, connect, type Entity, rest, type Tessera } from "@tessera/client";
import { ApprovalQueue } from "@tessera/react";
import type { Item } from "../device/items.js";
import { sampleItems } from "../device/sample.js";
import { Store } from "../device/store.js";
import { toolsOver } from "../device/tools.js";
import { type Account, conversationId, deviceId, type RestClient, storeAccount } from "./account.js";
import { type Asked, type CardAnswer, Cards, finished } from "./cards.js";
import { FrameLog } from "./frame-log.js";
import { ListStore } from "./list-store.js";

/** A notice for the person, such as a change on another device. */
export interface Notice {
  readonly id: number;
  readonly text: string;
}

const MOST_NOTICES = 4;

/** A signed-in device: its data, its connection, its requests and notices. Created once, outside of React. */
export class Session {
  readonly store = new Store(sessionStorage, () => sampleItems(Date.now()));
  readonly approvals = new ApprovalQueue();
  readonly frames = new FrameLog();
  readonly asked = new ListStore<Asked>();
  readonly notices = new ListStore<Notice>();
  readonly device = deviceId();
  readonly api: RestClient;
  readonly tessera: Tessera;
  readonly #cards: Cards;
  #notices = 0;

  constructor(
    readonly account: Account,
    url: string,
    onRefused: () => void,
  ) {
    const keep = (refreshToken: string | null): void => {
      if (refreshToken === null) onRefused();
      else void tokens?.getToken().then((accessToken) => storeAccount({ ...account, accessToken, refreshToken }));
    };
    // Without a refresh token, the access token is valid for an hour. After that the person must sign in again.
    const stored = async (reason = "connect"): Promise<string> => {
      if (reason === "refused") onRefused();
      return account.accessToken;
    };
    const hasLogin = account.refreshToken !== undefined;
    this.api = rest({ baseUrl: location.origin, onRefreshToken: keep, ...(hasLogin ? {} : { getToken: stored }) });
    const tokens = hasLogin ? this.api.resumeLogin(account.refreshToken) : undefined;
    const getToken = tokens?.getToken ?? stored;
    this.#cards = new Cards(sessionStorage, `tessera.cards.${this.device}`);
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
      if (this.store.apply(change)) this.notice(`Another device ${PAST[change.op]} a ${change.entity}.`);
    });
    this.tessera.on("resync", () =>
      this.notice("This device was away for too long. Some changes of your other devices are missing here."),
    );
    this.tessera.on("error", (error) => this.notice(error.message));
    this.#restore();
    addEventListener("pagehide", this.#cards.save);
  }

  /** Ask from the Home view. Without a connection the answer fails immediately. */
  home(message: string): void {
    this.#add(message, undefined, this.tessera.home(message, { conversationId: conversationId() }));
  }

  /** Ask in a popup on `item`. */
  popup(message: string, entity: Entity, item: Item): void {
    this.#add(message, { entity, item }, this.tessera.popup(message, { type: entity, id: item.id }));
  }

  remove(id: string): void {
    this.#change((entries) => entries.filter((entry) => entry.id !== id));
  }

  /** Send a change that the person made by hand to the other devices. Without a connection, it is sent later. */
  tell(change: Change): void {
    try {
      this.tessera.mutate(change);
    } catch {
      this.notice("This browser's storage is full. The change stays on this device.");
    }
  }

  notice(text: string): void {
    this.#notices += 1;
    const entry = { id: this.#notices, text };
    this.notices.change((entries) => [...entries, entry].slice(-MOST_NOTICES));
  }

  dismiss(id: number): void {
    this.notices.change((entries) => entries.filter((entry) => entry.id !== id));
  }

  /** Close the connection. `forget`: also delete the answers of this tab. */
  close(forget: boolean): void {
    removeEventListener("pagehide", this.#cards.save);
    if (forget) this.#change(() => []);
    this.#cards.save(); // before the running answers fail, so that they go on after the next sign-in
    this.tessera.close();
  }

  /** Show the cards from before a reload. Running answers go on; the server sends what the page has missed. */
  #restore(): void {
    const cards = this.#cards.load().map(({ message, on, snapshot }): Asked => {
      const { requestId: id } = snapshot;
      const running = snapshot.status === "running";
      const answer = running ? this.tessera.request(id, { known: snapshot }) : finished(snapshot);
      return { id, message, on, answer };
    });
    this.#change(() => cards);
  }

  #add(message: string, on: Asked["on"], answer: CardAnswer): void {
    const entry: Asked = { id: answer.requestId, message, on, answer };
    this.#change((entries) => [entry, ...entries]);
  }

  #change(change: (entries: readonly Asked[]) => readonly Asked[]): void {
    this.asked.change(change);
    this.#cards.follow(this.asked.snapshot);
  }
}

const PAST: Readonly<Record<Change["op"], string>> = { create: "created", update: "changed", delete: "deleted" };
