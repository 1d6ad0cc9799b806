import { TesseraError } from "./errors.js";
import type { ClientFrame, WsApproval, WsApprovalRequest } from "./generated/protocol.js";
import { type Approve, parseToolName } from "./tools.js";

export interface RemoteApprovalsOptions {
  readonly approve: Approve | undefined;
  /** Throws `TesseraError` `offline`. */
  readonly send: (frame: ClientFrame) => void;
  readonly onError: (error: TesseraError) => void;
}

const MOST_DECIDED = 100;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Approvals of calls on the person's other devices. The first answer of any device counts. */
export class RemoteApprovals {
  readonly #asked = new Map<string, AbortController>();
  /** The decisions, until the server confirms them. The value tells whether the decision was sent. */
  /** `sentOver` is the number of the connection that carried the decision last. */
  readonly #decided = new Map<string, { readonly frame: WsApproval; sentOver: number | undefined }>();
  #connections = 0;

  constructor(private readonly options: RemoteApprovalsOptions) {}

  /** Ask the person. Never rejects. */
  async ask(frame: WsApprovalRequest): Promise<void> {
    const { approve } = this.options;
    const { call_id: callId, request_id: requestId, args } = frame;
    const name = parseToolName(frame.tool);
    const decided = this.#decided.get(callId);
    if (decided !== undefined) {
      if (decided.sentOver !== this.#connections) {
        decided.sentOver = undefined; // the server asks again, so it may not have the decision
        this.#sendDecisions();
      }
    }
    if (approve === undefined || name === undefined || this.#asked.has(callId) || decided !== undefined) {
      return;
    }
    const [verb, entity] = name;
    const controller = new AbortController();
    const { signal } = controller;
    this.#asked.set(callId, controller);
    const expired = setTimeout(
      () => controller.abort(new TesseraError("deadline", "The time for this approval has passed.")),
      Math.min(frame.expires_ms, MAX_TIMER_MS),
    );
    try {
      const decision = await approve(
        {
          tool: frame.tool as Parameters<Approve>[0]["tool"],
          verb,
          entity,
          args,
          callId,
          requestId,
          otherDevice: true,
          undoable: false,
        },
        { signal, callId, requestId, deadlineAt: Date.now() + frame.expires_ms },
      );
      if (!signal.aborted) {
        const edited = typeof decision === "object" && decision !== null ? { edited_args: { ...decision.args } } : {};
        const approved = decision === true || "edited_args" in edited;
        this.#decided.set(callId, {
          frame: { type: "approval", call_id: callId, approved, ...edited },
          sentOver: undefined,
        });
        this.#sendDecisions();
      }
    } catch (cause) {
      if (!signal.aborted) {
        // The person can still answer on another device.
        this.options.onError(new TesseraError("tool_failed", "approve threw an error.", { cause }));
      }
    } finally {
      clearTimeout(expired);
      if (this.#asked.get(callId) === controller) {
        this.#asked.delete(callId);
      }
      const [oldest] = this.#decided.keys();
      if (this.#decided.size > MOST_DECIDED && oldest !== undefined) {
        this.#decided.delete(oldest);
      }
    }
  }

  /** The approval was given, or is not needed any more. */
  close(callId: string): void {
    this.#decided.delete(callId);
    this.#asked.get(callId)?.abort(new TesseraError("cancelled", "This approval needs no answer any more."));
  }

  closeAll(reason: TesseraError): void {
    this.#decided.clear();
    this.#withdrawAll(reason);
  }

  #withdrawAll(reason: TesseraError): void {
    for (const controller of this.#asked.values()) {
      controller.abort(reason);
    }
    this.#asked.clear();
  }

  /** A session has started, or goes on if it is `resumed`. Send the decisions that were made without a connection. */
  connected(resumed: boolean): void {
    if (!resumed) {
      // The server sends the open questions again. Those that were closed meanwhile are not told.
      this.#withdrawAll(new TesseraError("cancelled", "The session has ended, so this question may be closed."));
    }
    this.#connections += 1;
    this.#sendDecisions();
  }

  #sendDecisions(): void {
    for (const decision of this.#decided.values()) {
      if (decision.sentOver !== undefined) {
        continue;
      }
      try {
        this.options.send(decision.frame);
      } catch (error) {
        if ((error as TesseraError).code === "offline") {
          return;
        }
        this.options.onError(error as TesseraError);
      }
      decision.sentOver = this.#connections;
    }
  }
}
