import { TesseraError, ToolError } from "./errors.js";
import type { ClientFrame, WsDataRequest, WsToolCall, WsToolError } from "./generated/protocol.js";
import { type Approve, type CallContext, type Entity, parseToolName, type Tools, type Verb } from "./tools.js";

type Handler = (args: unknown, context: CallContext) => unknown;

export interface DeviceCallsOptions {
  readonly tools: Tools;
  readonly approve: Approve | undefined;
  /** Throws `TesseraError` `too_large` for a frame that is larger than the server accepts. */
  readonly send: (frame: ClientFrame) => void;
  readonly onError: (error: TesseraError) => void;
}

// A data request has no deadline on the wire. The server has its own.
const DATA_REQUEST_MS = 60_000;
// The longest delay that setTimeout supports. A longer one would fire immediately.
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Answers the server's tool calls (with approvals) and data requests, each at most once. */
export class DeviceCalls {
  readonly #running = new Map<string, AbortController>();

  constructor(private readonly options: DeviceCallsOptions) {}

  /** Answer a `tool_call`. Never rejects. */
  async call(frame: WsToolCall): Promise<void> {
    await this.#run(frame.call_id, frame.request_id, frame.deadline_ms, {
      work: (context) => this.#answerCall(frame, context),
      failure: (error) => ({ type: "tool_result", call_id: frame.call_id, ok: false, error }),
      name: frame.tool,
    });
  }

  /** Answer a `data_request` with the application's `get` or `list`. Never rejects. */
  async fetch(frame: WsDataRequest): Promise<void> {
    await this.#run(frame.data_id, frame.request_id, DATA_REQUEST_MS, {
      work: (context) => this.#answerData(frame, context),
      failure: (error) => ({ type: "data_response", data_id: frame.data_id, error }),
      name: "data_request",
    });
  }

  /** The server withdrew the call. */
  withdraw(callId: string): void {
    this.#running.get(callId)?.abort(new TesseraError("cancelled", "The server withdrew the call."));
  }

  /** Abort all calls, because the connection ended and their results cannot be sent. */
  withdrawAll(reason: TesseraError): void {
    for (const controller of this.#running.values()) {
      controller.abort(reason);
    }
  }

  async #run(
    callId: string,
    requestId: string,
    deadlineMs: number,
    job: {
      readonly work: (context: CallContext) => Promise<ClientFrame>;
      readonly failure: (error: WsToolError) => ClientFrame;
      readonly name: string;
    },
  ): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    this.#running.set(callId, controller);
    const late = setTimeout(
      () => controller.abort(new TesseraError("deadline", "The call's deadline has passed.")),
      Math.min(deadlineMs, MAX_TIMER_MS),
    );
    const context = { signal, callId, requestId, deadlineAt: Date.now() + deadlineMs };
    try {
      this.#reply(signal, await job.work(context));
    } catch (error) {
      if (!signal.aborted) {
        this.#reply(signal, job.failure(this.#describe(error, job.name)));
      }
    } finally {
      clearTimeout(late);
      this.#running.delete(callId);
    }
  }

  #reply(signal: AbortSignal, frame: ClientFrame): void {
    if (!signal.aborted) {
      this.options.send(frame);
    }
  }

  async #answerCall(frame: WsToolCall, context: CallContext): Promise<ClientFrame> {
    const name = parseToolName(frame.tool);
    if (name === undefined) {
      throw new ToolError("unknown_tool", `This device has no tool ${frame.tool}.`);
    }
    const [verb, entity] = name;
    const handler = this.#handler(verb, entity);
    const answer = { type: "tool_result", call_id: frame.call_id, ok: true } as const;
    if (frame.requires_approval) {
      const edited = await this.#approve(frame, verb, entity, context);
      if (edited !== undefined) {
        return { ...answer, edited_args: { ...edited } };
      }
      context.signal.throwIfAborted();
    }
    const result = await handler(frame.args, context);
    if (verb === "delete") {
      return { ...answer, data: { id: frame.args["id"] } };
    }
    if (verb === "get" && (result === undefined || result === null)) {
      throw notFound(entity);
    }
    return { ...answer, data: result ?? null };
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

function notFound(entity: Entity): ToolError {
  return new ToolError("not_found", `There is no ${entity} with this id.`);
}
