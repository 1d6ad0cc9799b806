import type { AnswerBlock, ConnectionState } from "@tessera/client";

/** What the page sees of an answer: plain data, since only that crosses between the processes. */
export interface AnswerView {
  readonly requestId: string;
  readonly status: "running" | "completed" | "cancelled" | "failed";
  readonly blocks: readonly AnswerBlock[];
  readonly error: string | null;
}

export type StateName = ConnectionState["name"];

/** What the preload script gives the page, as `window.tessera`. No token, and no Electron. */
export interface Bridge {
  /** Log in; false when the server refuses. */
  login(email: string, password: string): Promise<boolean>;
  /** Ask, and hear of the answer by `onAnswer` under the id that this gives. */
  home(message: string): Promise<string>;
  cancel(requestId: string): void;
  onAnswer(listener: (answer: AnswerView) => void): void;
  onState(listener: (state: StateName) => void): void;
}
