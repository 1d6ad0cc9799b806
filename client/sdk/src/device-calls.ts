import { failed, JOURNAL_FAILED, NOT_STARTED, UNKNOWN, WITHDRAWN } from "./call-errors.js";
import { TesseraError, ToolError } from "./errors.js";
import type {
  ClientFrame,
  WsDataRequest,
  WsError,
  WsToolCall,
  WsToolError,
  WsToolResult,
} from "./generated/protocol.js";
import { type Journal, type JournalEntry, journalFailed } from "./journal.js";
import {
  type Approve,
  type CallContext,
  type Entity,
  isUncounted,
  notFound,
  parseToolName,
  stated,
  type Tools,
  uncounted,
  type Verb,
} from "./tools.js";
import { tellsOfChange, UnacknowledgedResults } from "./unacknowledged.js";
import type { UndoLog } from "./undo.js";

type Handler = (args: unknown, context: CallContext) => unknown;

interface RunningCall {
  readonly controller: AbortController;
  /** Whether the tool is running, or is about to: the journal has the call, or is being written. */
  started: boolean;
}

export interface DeviceCallsOptions {
  readonly tools: Tools;
  readonly approve: Approve | undefined;
  readonly journal: Journal;
  readonly undo: UndoLog;
  /** Throws `TesseraError`: `offline`, or `too_large` for a frame that is larger than the server accepts. */
  readonly send: (frame: ClientFrame) => void;
  readonly onError: (error: TesseraError) => void;
}

// A data request has no deadline on the wire. The server has its own.
const DATA_REQUEST_MS = 60_000;
// The longest delay that setTimeout supports. A longer one would fire immediately.
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Answers the server's tool calls (with approvals) and data requests. A call that changes data runs at most once: the
 * journal has it before it runs, and its result until the server has it.
 */
export class DeviceCalls {
  readonly #running = new Map<string, RunningCall>();
  readonly #unacknowledged: UnacknowledgedResults;

  constructor(private readonly options: DeviceCallsOptions) {
    this.#unacknowledged = new UnacknowledgedResults((result) => this.#send(result));
  }

  /** Answer a `tool_call`. Never rejects. */
  async call(frame: WsToolCall): Promise<void> {
    const { call_id } = frame;
    if (this.#running.has(call_id)) {
      return; // offered again while it runs
    }
    await this.#run(call_id, frame.request_id, frame.deadline_ms, async (context) => {
      const verb = parseToolName(frame.tool)?.[0];
      if (verb === "list" || verb === "get") {
        await this.#read(frame, context);
        return;
      }
      const known = await this.#journaled(frame);
      if (known !== undefined) {
        this.#send(known);
        return;
      }
      await this.#once(frame, context);
    });
  }

  /** Answer a `data_request` with the application's `get` or `list`. Never rejects. */
  async fetch(frame: WsDataRequest): Promise<void> {
    if (this.#running.has(frame.data_id)) {
      return;
    }
    await this.#run(frame.data_id, frame.request_id, DATA_REQUEST_MS, async (context) => {
      try {
        this.#reply(context.signal, await this.#answerData(frame, context));
      } catch (error) {
        const described = { data_id: frame.data_id, error: this.#describe(error, "data_request") };
        this.#reply(context.signal, { type: "data_response", ...described });
      }
    });
  }

  /** The server withdrew the call. */
  withdraw(callId: string): void {
    this.#running.get(callId)?.controller.abort(new TesseraError("cancelled", "The server withdrew the call."));
  }

  /**
   * Another device has answered the approval of this call. Withdraws the question. Tells the server that the call was not
   * started, or its result. A call that runs is not stopped. Never rejects.
   */
  async withdrawUnstarted(callId: string): Promise<void> {
    const running = this.#running.get(callId);
    if (running?.started) {
      return; // its result will be sent
    }
    running?.controller.abort(new TesseraError("cancelled", "The person decided on another device."));
    const answer = { type: "tool_result", call_id: callId, ok: false } as const;
    try {
      const entry = await this.options.journal.get(callId);
      this.#send(
        entry === undefined ? { ...answer, error: NOT_STARTED } : (entry.result ?? { ...answer, error: UNKNOWN }),
      );
    } catch (cause) {
      // Without the journal it is not certain that the call did not run.
      this.options.onError(journalFailed(cause));
      this.#send({ ...answer, error: UNKNOWN });
    }
  }

  /** Unless the session was resumed, the server may not know its calls: send what it has not acknowledged. Never rejects. */
  async connected(resumed: boolean): Promise<void> {
    this.#unacknowledged.connected();
    try {
      for (const { result } of (resumed ? undefined : await this.options.journal.entries?.()) ?? []) {
        if (result !== undefined && tellsOfChange(result)) {
          this.#send(result);
        }
      }
    } catch (cause) {
      this.options.onError(journalFailed(cause));
    }
  }

  disconnected(): void {
    this.#unacknowledged.disconnected();
  }

  /** The server does not know the call of this device's result, and will never ask for it. */
  refused({ frame_type, code, call_id }: WsError): void {
    if (frame_type === "tool_result" && code === "unknown_call" && call_id) {
      void this.acknowledged(call_id);
    }
  }

  /** The server has the result of the call. */
  async acknowledged(callId: string): Promise<void> {
    this.#unacknowledged.settled(callId);
    try {
      await this.options.journal.delete(callId);
    } catch (cause) {
      this.options.onError(journalFailed(cause));
    }
  }

  /** Abort all calls, because the connection was closed for good. */
  withdrawAll(reason: TesseraError): void {
    for (const { controller } of this.#running.values()) {
      controller.abort(reason);
    }
  }

  async #run(
    callId: string,
    requestId: string,
    deadlineMs: number,
    work: (context: CallContext) => Promise<void>,
  ): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    this.#running.set(callId, { controller, started: false });
    const late = setTimeout(
      () => controller.abort(new TesseraError("deadline", "The call's deadline has passed.")),
      Math.min(deadlineMs, MAX_TIMER_MS),
    );
    try {
      await work({ signal, callId, requestId, deadlineAt: Date.now() + deadlineMs });
    } catch (error) {
      this.options.onError(
        error instanceof TesseraError ? error : new TesseraError("tool_failed", "A call failed.", { cause: error }),
      );
    } finally {
      clearTimeout(late);
      this.#running.delete(callId);
    }
  }

  /** Run a call that changes nothing. It needs no journal: if its result is lost, the server asks again. */
  async #read(frame: WsToolCall, context: CallContext): Promise<void> {
    const result = await this.#outcome(frame, context);
    try {
      this.#reply(context.signal, result);
    } catch (error) {
      this.#reply(context.signal, failed(frame, this.#describe(error, frame.tool)));
    }
  }

  /** The answer for a call that this device has seen before; undefined if it must run. */
  async #journaled(frame: WsToolCall): Promise<WsToolResult | undefined> {
    let entry: JournalEntry | undefined;
    try {
      entry = await this.options.journal.get(frame.call_id);
    } catch (cause) {
      // Without the journal it is not certain that the call did not run.
      this.options.onError(journalFailed(cause));
      return failed(frame, JOURNAL_FAILED);
    }
    return entry?.result ?? (entry !== undefined || frame.accepted === true ? failed(frame, UNKNOWN) : undefined);
  }

  /** Run a call that changes data or that the person must approve. */
  async #once(frame: WsToolCall, context: CallContext): Promise<void> {
    const { journal } = this.options;
    const { call_id: callId } = frame;
    const entry = { callId, startedAt: Date.now() };
    let started = false;
    const start = async (): Promise<void> => {
      const running = this.#running.get(callId);
      if (running !== undefined) {
        running.started = true; // before the journal is written: from now on the call can't be withdrawn as unstarted
      }
      try {
        await journal.put(entry);
      } catch (cause) {
        this.options.onError(journalFailed(cause));
        throw new ToolError(JOURNAL_FAILED.code, JOURNAL_FAILED.message);
      }
      started = true;
      this.#send({ type: "tool_accepted", call_id: callId });
      context.signal.throwIfAborted();
    };
    let result = await this.#outcome(frame, context, start);
    if (!started && context.signal.aborted) {
      return; // withdrawn before it ran: nobody waits for an answer
    }
    try {
      await journal.put({ ...entry, result });
    } catch (cause) {
      // A result that is not JSON, or a full store. The entry without a result stays: the call does not run again.
      this.options.onError(journalFailed(cause));
    }
    try {
      this.options.send(result);
      this.#unacknowledged.sent(result);
    } catch (error) {
      if (error instanceof TesseraError && error.code === "offline") {
        return; // the server offers the call again
      }
      result = failed(frame, this.#describe(error, frame.tool));
      await journal.put({ ...entry, result });
      this.#send(result);
    }
  }

  /** The result of the call. `start` is called before the tool runs. */
  async #outcome(frame: WsToolCall, context: CallContext, start?: () => Promise<void>): Promise<WsToolResult> {
    try {
      return await this.#answerCall(frame, context, start);
    } catch (error) {
      // After a withdrawal, an error is most likely the tool's reaction to it.
      return failed(
        frame,
        context.signal.aborted && !(error instanceof ToolError) ? WITHDRAWN : this.#describe(error, frame.tool),
      );
    }
  }

  #send(frame: ClientFrame): void {
    try {
      this.options.send(frame);
      if (frame.type === "tool_result") {
        this.#unacknowledged.sent(frame);
      }
    } catch (error) {
      if (!(error instanceof TesseraError && error.code === "offline")) {
        throw error;
      }
    }
  }

  #reply(signal: AbortSignal, frame: ClientFrame): void {
    if (!signal.aborted) {
      this.#send(frame);
    }
  }

  async #answerCall(
    frame: WsToolCall,
    context: CallContext,
    start: (() => Promise<void>) | undefined,
  ): Promise<WsToolResult> {
    const name = parseToolName(frame.tool);
    if (name === undefined) {
      throw new ToolError("unknown_tool", `This device has no tool ${frame.tool}.`);
    }
    const [verb, entity] = name;
    const handler = this.#handler(verb, entity);
    const answer = { type: "tool_result", call_id: frame.call_id, ok: true } as const;
    if (frame.requires_approval) {
      context.signal.throwIfAborted(); // withdrawn while the journal was read
      const edited = await this.#approve(frame, verb, entity, context);
      if (edited !== undefined) {
        return { ...answer, edited_args: { ...edited } };
      }
      context.signal.throwIfAborted();
    }
    await start?.();
    const result = await this.options.undo.run(verb, entity, frame.args, context, () => handler(frame.args, context));
    if (verb === "delete") {
      return { ...answer, ...stated(frame, frame.args["id"]), data: { id: frame.args["id"] } };
    }
    if (verb === "get" && (result === undefined || result === null)) {
      throw notFound(entity);
    }
    const data = result ?? null;
    switch (verb) {
      case "create":
        return { ...answer, ...stated(frame, (data as { id?: unknown } | null)?.id), data };
      case "update":
        return { ...answer, ...stated(frame, frame.args["id"]), data };
      default:
        if (verb === "list" && isUncounted(data)) this.options.onError(uncounted(frame.tool));
        return { ...answer, data };
    }
  }

  /** The arguments that the person edited, or undefined if the person approved them unchanged. */
  async #approve(
    frame: WsToolCall,
    verb: Verb,
    entity: Entity,
    context: CallContext,
  ): Promise<Readonly<Record<string, unknown>> | undefined> {
    const { approve } = this.options;
    if (approve === undefined) {
      throw new ToolError("denied", "This device cannot ask the person for approval.");
    }
    const call = {
      tool: frame.tool as Parameters<Approve>[0]["tool"],
      verb,
      entity,
      args: frame.args,
      callId: frame.call_id,
      requestId: frame.request_id,
      otherDevice: false,
      undoable: this.options.undo.covers(verb, entity),
    };
    const decision = await approve(call, context);
    if (decision === true) {
      return undefined;
    }
    // Every other value counts as a refusal.
    if (typeof decision === "object" && decision !== null && typeof decision.args === "object") {
      return decision.args;
    }
    throw new ToolError("denied", "The person refused.");
  }

  async #answerData(frame: WsDataRequest, context: CallContext): Promise<ClientFrame> {
    const answer = { type: "data_response", data_id: frame.data_id } as const;
    if (frame.id !== undefined && frame.id !== null) {
      const item = await this.#handler("get", frame.entity)({ id: frame.id }, context);
      if (item === undefined || item === null) {
        throw notFound(frame.entity);
      }
      return { ...answer, items: [item as Record<string, unknown>] };
    }
    const args = frame.filter === undefined || frame.filter === null ? {} : { filter: frame.filter };
    const { items } = (await this.#handler("list", frame.entity)(args, context)) as {
      items: Record<string, unknown>[];
    };
    return { ...answer, items };
  }

  #handler(verb: Verb, entity: Entity): Handler {
    const tools = this.options.tools[entity] as Partial<Record<Verb, Handler>> | undefined;
    const handler = tools?.[verb];
    if (typeof handler !== "function") {
      throw new ToolError("unsupported", `This device cannot ${verb} a ${entity}.`);
    }
    return handler.bind(tools);
  }

  /** The error that the model sees. It learns no details of an unexpected error in the application. */
  #describe(error: unknown, name: string): WsToolError {
    if (error instanceof ToolError) {
      return { code: error.code, message: error.message };
    }
    if (error instanceof TesseraError && error.code === "too_large") {
      return { code: "too_large", message: "The result is too large to send. Use a filter or a smaller limit." };
    }
    this.options.onError(new TesseraError("tool_failed", `The tool ${name} threw an error.`, { cause: error }));
    return { code: "tool_failed", message: "The device could not run this tool." };
  }
}
