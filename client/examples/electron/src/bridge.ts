import type { Approval, ConnectionState, Decision, Items } from "@tessera/client";
import type { AnswerDelta, PlainError, PlainSnapshot } from "./delta.js";

export type Task = Items["task"];

/** A question to the person about a tool call, with the title of its item. */
export interface Question {
  readonly call: Approval;
  readonly title: string | null;
  /** Milliseconds since the epoch. */
  readonly deadlineAt: number;
}

/** One question of the conversation and its answer. */
export interface Exchange {
  readonly requestId: string;
  readonly message: string;
  readonly snapshot: PlainSnapshot;
  /** How many changes of the agent can be undone. */
  readonly undoable: number;
}

/** The connection as the page shows it. `signed_out`: nobody is logged in. */
export type Connection =
  | { readonly name: "signed_out"; readonly error: PlainError | null }
  | { readonly name: Exclude<ConnectionState["name"], "closed" | "waiting"> }
  | { readonly name: "waiting"; readonly retryAt: number }
  | { readonly name: "closed"; readonly error: PlainError | null };

/** Everything that the page shows. */
export interface View {
  readonly email: string | null;
  /** Whether the system's keychain keeps the login over a restart. */
  readonly keepsLogin: boolean;
  readonly connection: Connection;
  readonly exchanges: readonly Exchange[];
  readonly questions: readonly Question[];
  readonly tasks: readonly Task[];
  /** Changes of the person that are not sent yet. */
  readonly unsent: number;
}

/** What the main process tells the page. It is plain data, because only plain data can be sent between processes. */
export type Update =
  /** Replaces everything: the page has loaded, or another person has logged in. */
  | { readonly type: "view"; readonly view: View }
  | { readonly type: "changed"; readonly fields: Partial<Pick<View, "connection" | "questions" | "tasks" | "unsent">> }
  | { readonly type: "asked"; readonly exchange: Exchange }
  /** The new part of an answer. A long answer is never sent twice. */
  | { readonly type: "answer"; readonly delta: AnswerDelta; readonly undoable: number };

/** The result of an action: an error is a sentence for the person. */
export type Outcome = { readonly ok: true } | { readonly ok: false; readonly message: string };

/** The functions that the preload script gives to the page as `window.tessera`. They expose no token and no Electron. */
export interface Bridge {
  /** Call `listener` for each update, beginning with a `view`. */
  start(listener: (update: Update) => void): void;
  login(email: string, password: string): Promise<Outcome>;
  register(email: string, password: string): Promise<Outcome>;
  logout(): Promise<void>;
  /** Ask. If the outcome is not ok, nothing was sent, and the page keeps the message. */
  ask(message: string): Promise<Outcome>;
  /** Begin a new conversation. */
  renew(): Promise<void>;
  cancel(requestId: string): void;
  /** Revert what the agent changed for an answer. Resolves to the number of changes that could not be reverted. */
  undo(requestId: string): Promise<number>;
  decide(callId: string, decision: Decision): void;
  finishTask(id: string, done: boolean): void;
  /** Connect now. The page calls it when the network is back, or when the person asks for it. */
  reconnect(): void;
}
