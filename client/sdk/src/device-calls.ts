import { TesseraError, ToolError } from "./errors.js";
import type { ClientFrame, WsDataRequest, WsToolCall, WsToolError } from "./generated/protocol.js";
import { type Approve, type CallContext, type Entity, parseToolName, type Tools, type Verb } from "./tools.js";

type Handler = (args: unknown, context: CallContext) => unknown;

export interface DeviceCallsOptions {
  readonly tools: Tools;
  readonly approve: Approve | undefined;
  /** Throws `TesseraError` `too_large` for what the server would not read. */
  readonly send: (frame: ClientFrame) => void;
  readonly onError: (error: TesseraError) => void;
}

// A data request has no deadline on the wire: the server stops waiting by itself.
const DATA_REQUEST_MS = 60_000;
// The longest that a timer takes; a longer one would fire at once.
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Runs what the server asks of this device: tools, approvals and data requests. Each is answered at most once. */
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

  /** Answer a `data_request`, by the application's own `get` and `list`. Never rejects. */
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

  /** The connection ended: nobody waits for the results any more. */
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
      () => controller.abort(new TesseraError("deadline", "The call's time is up.")),
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

  /** The arguments as the person edited them, or undefined when they are fine as they are. */
  async #approve(
    frame: WsToolCall,
    verb: Verb,
    entity: Entity,
    context: CallContext,
  ): Promise<Readonly<Record<string, unknown>> | undefined> {
    const { approve } = this.options;
    if (approve === undefined) {
      throw new ToolError("denied", "This device has no way to ask the person.");
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
    // Anything but a plain yes, or arguments to run it with, is a no.
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
      throw new ToolError("unsupported", `This device can't ${verb} a ${entity}.`);
    }
    return handler.bind(tools);
  }

  /** What the model is told. Of a fault of the application it learns that there was one, and no more. */
  #describe(error: unknown, name: string): WsToolError {
    if (error instanceof ToolError) {
      return { code: error.code, message: error.message };
    }
    if (error instanceof TesseraError && error.code === "too_large") {
      return { code: "too_large", message: "The result is too large to send: ask for less, by a filter or a limit." };
    }
    this.options.onError(new TesseraError("tool_failed", `${name} threw.`, { cause: error }));
    return { code: "tool_failed", message: "The device failed to do this." };
  }
}

function notFound(entity: Entity): ToolError {
  return new ToolError("not_found", `There is no ${entity} with this id.`);
}
