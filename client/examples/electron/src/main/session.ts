import { join } from "node:path";
import { connect, type Decision, type Store, type Tessera } from "@tessera/client";
import { fileStore } from "@tessera/client/node";
import { app } from "electron";
import type { Connection, Update, View } from "../bridge.js";
import { plainError } from "../delta.js";
import type { Account, Person } from "./account.js";
import { Conversation } from "./conversation.js";
import { Questions } from "./questions.js";
import { Tasks } from "./tasks.js";

const SOCKET_URL = process.env["TESSERA_CLIENT_URL"] ?? "ws://127.0.0.1:8765/api/v1/ws/device";

export interface SessionOptions {
  readonly person: Person;
  readonly account: Account;
  readonly deviceId: string;
  /** Tells the page. */
  readonly tell: (update: Update) => void;
  /** A question waits for the person. */
  readonly onQuestion: () => void;
  /** The connection is closed for good. */
  readonly onClosed: (connection: Connection) => void;
}

/** One person's connection, conversation and tasks. Each person has a folder, so that nobody sees those of another. */
export class Session {
  readonly #store: Store;
  readonly #tessera: Tessera;
  readonly #conversation: Conversation;
  readonly #questions: Questions;
  readonly #tasks: Tasks;

  constructor(private readonly options: SessionOptions) {
    const { person, account, deviceId, tell } = options;
    // The journal of tool calls, the changes that are not sent yet and the conversation survive a restart here.
    this.#store = fileStore(join(app.getPath("userData"), "accounts", encodeURIComponent(person.userId)));
    this.#tasks = new Tasks(this.#store, () => this.#tellTasks());
    this.#questions = new Questions(
      ({ args }) => this.#tasks.get({ id: String(args["id"]) })?.title ?? null,
      () => {
        tell({ type: "changed", fields: { questions: this.#questions.waiting } });
        if (this.#questions.waiting.length > 0) {
          options.onQuestion();
        }
      },
    );
    this.#tessera = connect({
      url: SOCKET_URL,
      deviceId,
      store: this.#store,
      client: { name: "tessera-example", version: app.getVersion(), platform: process.platform },
      getToken: (reason) => account.token(reason),
      tools: { task: this.#tasks },
      approve: this.#questions.ask,
    });
    this.#conversation = new Conversation(this.#tessera, this.#store, tell);
    this.#tessera.on("state", () => this.#entered());
    this.#tessera.on("mutation", (change) => this.#tasks.apply(change));
  }

  get view(): Omit<View, "email" | "keepsLogin"> {
    return {
      connection: this.connection,
      exchanges: this.#conversation.exchanges,
      questions: this.#questions.waiting,
      tasks: this.#tasks.all,
      unsent: this.#tessera.unsentChanges,
    };
  }

  get connection(): Connection {
    const { state } = this.#tessera;
    switch (state.name) {
      case "waiting":
        return { name: state.name, retryAt: state.retryAt };
      case "closed":
        return { name: state.name, error: plainError(state.error) };
      default:
        return { name: state.name };
    }
  }

  /** Ask. Returns false without a connection; then nothing was sent. */
  ask(message: string): boolean {
    if (this.#tessera.state.name !== "online") {
      return false;
    }
    this.#conversation.ask(message);
    return true;
  }

  renew(): void {
    this.#conversation.renew();
  }

  cancel(requestId: string): void {
    this.#conversation.cancel(requestId);
  }

  async undo(requestId: string): Promise<number> {
    return await this.#conversation.undo(requestId);
  }

  decide(callId: string, decision: Decision): void {
    this.#questions.decide(callId, decision);
  }

  /** A change of the person. Without a connection, it is sent later. */
  finishTask(id: string, done: boolean): void {
    if (this.#tasks.get({ id }) !== undefined) {
      const data = { status: done ? "done" : "todo" } as const;
      this.#tasks.update({ id, data });
      this.#tessera.mutate({ op: "update", entity: "task", id, data });
      this.#tellTasks();
    }
  }

  /** Connect now instead of at the end of the wait: the machine woke up, or the network is back. */
  reconnect(): void {
    const { name } = this.#tessera.state;
    if (name === "waiting" || name === "closed") {
      this.#tessera.retry();
    }
  }

  close(): void {
    this.#tessera.close();
  }

  #entered(): void {
    const { connection } = this;
    this.options.tell({ type: "changed", fields: { connection, unsent: this.#tessera.unsentChanges } });
    if (connection.name === "closed") {
      this.options.onClosed(connection);
    }
  }

  #tellTasks(): void {
    const fields = { tasks: this.#tasks.all, unsent: this.#tessera.unsentChanges };
    this.options.tell({ type: "changed", fields });
  }
}
