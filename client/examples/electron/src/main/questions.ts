import type { Approval, Approve, CallContext, Decision } from "@tessera/client";
import type { Question } from "../bridge.js";

interface Asked extends Question {
  readonly decide: (decision: Decision) => void;
}

/** The questions that wait for the person. They survive a reload of the page, because the main process has them. */
export class Questions {
  #asked: readonly Asked[] = [];

  /** `titleOf` returns the title of the item that a call is about. `onChange` is called after each change. */
  constructor(
    private readonly titleOf: (call: Approval) => string | null,
    private readonly onChange: () => void,
  ) {}

  get waiting(): readonly Question[] {
    return this.#asked.map(({ call, title, deadlineAt }) => ({ call, title, deadlineAt }));
  }

  /** For `approve` of `connect`. */
  readonly ask: Approve = (call: Approval, { signal, deadlineAt }: CallContext) =>
    new Promise<Decision>((resolve) => {
      const decide = (decision: Decision): void => {
        signal.removeEventListener("abort", withdrawn);
        this.#change(this.#asked.filter((asked) => asked.call.callId !== call.callId));
        resolve(decision);
      };
      const withdrawn = (): void => decide(false); // the SDK ignores the decision after the abort
      signal.addEventListener("abort", withdrawn);
      this.#change([...this.#asked, { call, title: this.titleOf(call), deadlineAt, decide }]);
    });

  decide(callId: string, decision: Decision): void {
    this.#asked.find(({ call }) => call.callId === callId)?.decide(decision);
  }

  #change(asked: readonly Asked[]): void {
    this.#asked = asked;
    this.onChange();
  }
}
