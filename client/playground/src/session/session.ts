import { type Answer, type Change, connect, type Entity, rest, type Tessera } from "@tessera/client";
import type { Item } from "../device/items.js";
import { sampleItems } from "../device/sample.js";
import { Store } from "../device/store.js";
import { toolsOver } from "../device/tools.js";
import { type Account, chatSessionId, deviceId, type RestClient } from "./account.js";
import { Approvals } from "./approvals.js";
import { FrameLog } from "./frame-log.js";
import { ListStore } from "./list-store.js";

/** A request and its answer. `on` is the item of a popup. */
export interface Asked {
  readonly id: string;
  readonly message: string;
  readonly on: { readonly entity: Entity; readonly item: Item } | undefined;
  readonly answer: Answer;
}

/** A notice for the person, such as a change on another device. */
export interface Notice {
  readonly id: number;
  readonly text: string;
}

const MOST_NOTICES = 4;

/** A signed-in device: its data, its connection, its requests and notices. Created once, outside of React. */
export class Session {
  readonly store = new Store(sessionStorage, () => sampleItems(Date.now()));
  readonly approvals = new Approvals();
  readonly frames = new FrameLog();
  readonly asked = new ListStore<Asked>();
  readonly notices = new ListStore<Notice>();
  readonly device = deviceId();
  readonly api: RestClient;
  readonly tessera: Tessera;
  #notices = 0;

  constructor(
    readonly account: Account,
    url: string,
    onRefused: () => void,
  ) {
    const getToken = async (reason: string) => {
      // A token is valid for an hour, and the password is not stored. After that the person must sign in again.
      if (reason === "refused") onRefused();
      return account.accessToken;
    };
    this.api = rest({ baseUrl: location.origin, getToken: async () => account.accessToken });
    this.tessera = connect({
      url,
      deviceId: this.device,
      client: { name: "Tessera playground", version: "0.1.0", platform: "browser" },
      getToken,
      tools: toolsOver(this.store),
      approve: (call, { signal }) => this.approvals.ask(call, signal),
    });
    this.tessera.on("frame", this.frames.add);
    this.tessera.on("mutation", (change) => {
      if (this.store.apply(change)) this.notice(`Another device ${PAST[change.op]} a ${change.entity}.`);
    });
    this.tessera.on("error", (error) => this.notice(error.message));
  }

  /** Ask from the Home view. Without a connection the answer fails immediately. */
  home(message: string): void {
    this.#add(message, undefined, this.tessera.home(message, { sessionId: chatSessionId() }));
  }

  /** Ask in a popup on `item`. */
  popup(message: string, entity: Entity, item: Item): void {
    this.#add(message, { entity, item }, this.tessera.popup(message, { type: entity, id: item.id }));
  }

  remove(id: string): void {
    this.asked.change((entries) => entries.filter((entry) => entry.id !== id));
  }

  /** Send a change that the person made by hand to the other devices. Changes made offline stay on this device. */
  tell(change: Change): void {
    if (this.tessera.state.name === "online") this.tessera.mutate(change);
  }

  notice(text: string): void {
    this.#notices += 1;
    const entry = { id: this.#notices, text };
    this.notices.change((entries) => [...entries, entry].slice(-MOST_NOTICES));
  }

  dismiss(id: number): void {
    this.notices.change((entries) => entries.filter((entry) => entry.id !== id));
  }

  close(): void {
    this.tessera.close();
  }

  #add(message: string, on: Asked["on"], answer: Answer): void {
    const entry: Asked = { id: answer.requestId, message, on, answer };
    this.asked.change((entries) => [entry, ...entries]);
  }
}

const PAST: Readonly<Record<Change["op"], string>> = { create: "created", update: "changed", delete: "deleted" };
