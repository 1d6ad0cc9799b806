import type { AnswerBlock, ConnectionState } from "@tessera/client";

/** The page's view of an answer. It is plain data, because only plain data can be sent between processes. */
export interface AnswerView {
  readonly requestId: string;
  readonly status: "running" | "completed" | "cancelled" | "failed";
  readonly blocks: readonly AnswerBlock[];
  readonly error: string | null;
}

export type StateName = ConnectionState["name"];

/** The functions that the preload script gives to the page as `window.tessera`. They expose no token and no Electron. */
export interface Bridge {
  /** Log in. Resolves to false if the server refuses. */
  login(email: string, password: string): Promise<boolean>;
  /** Ask. Resolves to the request id; `onAnswer` reports the answer with this id. */
  home(message: string): Promise<string>;
  cancel(requestId: string): void;
  onAnswer(listener: (answer: AnswerView) => void): void;
  onState(listener: (state: StateName) => void): void;
}
