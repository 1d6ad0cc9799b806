import { TesseraError, ToolError } from "./errors.js";
import type { WsMutationRecord } from "./generated/protocol.js";
import type { CallContext, Entity, Tools, Verb } from "./tools.js";

type Fields = Readonly<Record<string, unknown>>;
type Handler = (args: unknown, context: CallContext) => unknown;

/** What reverts one change. `after`: the fields as the change left them; undo stops if they differ by then. */
type Inverse =
  | { readonly op: "delete"; readonly entity: Entity; readonly id: string; readonly after: Fields }
  | {
      readonly op: "update";
      readonly entity: Entity;
      readonly id: string;
      readonly data: Fields;
      readonly after: Fields;
    }
  | { readonly op: "create"; readonly entity: Entity; readonly id: string; readonly data: Fields };

/** What `undo` did. The changes of an answer are reverted from the last to the first. */
export interface Undone {
  /** The changes that were made to revert the answer's changes. */
  readonly changes: readonly WsMutationRecord[];
  /** Why changes could not be reverted: `conflict` (the item was changed since), `not_found`, or the tool's error code. */
  readonly failed: readonly { readonly entity: Entity; readonly id: string; readonly code: string }[];
}

/** How many answers can be undone: the latest ones. */
const MOST_REQUESTS = 50;

const INVERSES: Readonly<Partial<Record<Verb, Verb>>> = { create: "delete", update: "update", delete: "create" };

/** Records how to revert what agents changed on this device. It is kept in memory, until the application ends. */
export class UndoLog {
  readonly #requests = new Map<string, Inverse[]>();

  /** `changed` is told each change that undo makes, for the person's other devices. */
  constructor(
    private readonly tools: Tools,
    private readonly changed: (change: WsMutationRecord) => void,
  ) {}

  /** Whether the device has the tools that `undo` needs for such a call. */
  covers(verb: Verb, entity: Entity): boolean {
    const inverse = INVERSES[verb];
    const has = (needed: Verb) => typeof this.tools[entity]?.[needed] === "function";
    return inverse !== undefined && has("get") && has(inverse);
  }

  /** How many changes of this request can be reverted. */
  count(requestId: string): number {
    return this.#requests.get(requestId)?.length ?? 0;
  }

  /** Run a tool that changes an item, and record its inverse if `get` can say what the item was before. */
  async run(verb: Verb, entity: Entity, args: Fields, context: CallContext, tool: () => unknown): Promise<unknown> {
    if (verb === "list" || verb === "get") {
      return await tool();
    }
    const id = String(args["id"]);
    const before = verb === "create" ? undefined : await this.#read(entity, id, context);
    const result = await tool();
    const after = fieldsOf(result) ?? {};
    if (verb === "create") {
      const created = after["id"];
      if (typeof created === "string" || typeof created === "number") {
        this.#add(context.requestId, { op: "delete", entity, id: String(created), after });
      }
    } else if (before !== undefined && verb === "delete") {
      this.#add(context.requestId, { op: "create", entity, id, data: before });
    } else if (before !== undefined) {
      const names = Object.keys(fieldsOf(args["data"]) ?? {}).filter((name) => name !== "id");
      const data = Object.fromEntries(names.map((name) => [name, before[name] ?? null]));
      const left = Object.fromEntries(names.map((name) => [name, after[name] ?? null]));
      this.#add(context.requestId, { op: "update", entity, id, data, after: left });
    }
    return result;
  }

  /** Revert the changes of a request, the last one first. A second call finds only what has failed. */
  async undo(requestId: string): Promise<Undone> {
    const inverses = this.#requests.get(requestId) ?? [];
    this.#requests.delete(requestId);
    const changes: WsMutationRecord[] = [];
    const failed: { entity: Entity; id: string; code: string }[] = [];
    const left: Inverse[] = [];
    for (const inverse of [...inverses].reverse()) {
      try {
        const change = await this.#revert(inverse, requestId);
        changes.push(change);
        this.changed(change);
      } catch (error) {
        const code = error instanceof ToolError || error instanceof TesseraError ? error.code : "tool_failed";
        failed.push({ entity: inverse.entity, id: inverse.id, code });
        left.unshift(inverse);
      }
    }
    if (left.length > 0) {
      this.#requests.set(requestId, left);
    }
    return { changes, failed };
  }

  async #revert(inverse: Inverse, requestId: string): Promise<WsMutationRecord> {
    const { op, entity, id } = inverse;
    const context: CallContext = {
      signal: new AbortController().signal,
      callId: `undo:${requestId}`,
      requestId,
      deadlineAt: Number.POSITIVE_INFINITY,
    };
    const now = await this.#read(entity, id, context);
    if (op === "create") {
      if (now !== undefined) {
        throw new ToolError("conflict", "The item exists again.");
      }
      const made = fieldsOf(await this.#handler("create", entity)({ data: inverse.data }, context));
      if (String(made?.["id"]) !== id) {
        throw new ToolError("conflict", "`create` did not keep the id that it was given.");
      }
      return { op, entity, id, data: { ...made } };
    }
    if (now === undefined) {
      throw new ToolError("not_found", "The item does not exist any more.");
    }
    if (!Object.entries(inverse.after).every(([name, value]) => same(now[name] ?? null, value ?? null))) {
      throw new ToolError("conflict", "The item was changed since.");
    }
    if (op === "delete") {
      await this.#handler("delete", entity)({ id }, context);
      return { op, entity, id };
    }
    await this.#handler("update", entity)({ id, data: inverse.data }, context);
    return { op, entity, id, data: { ...inverse.data } };
  }

  async #read(entity: Entity, id: string, context: CallContext): Promise<Fields | undefined> {
    try {
      // A copy, because an application may change its object.
      const item = fieldsOf(await this.#handler("get", entity)({ id }, context));
      return item === undefined ? undefined : structuredClone({ ...item });
    } catch {
      return undefined; // the change itself does not fail for it; it cannot be undone
    }
  }

  #handler(verb: Verb, entity: Entity): Handler {
    const tools = this.tools[entity] as Partial<Record<Verb, Handler>> | undefined;
    const handler = tools?.[verb];
    if (typeof handler !== "function") {
      throw new ToolError("unsupported", `This device cannot ${verb} a ${entity}.`);
    }
    return handler.bind(tools);
  }

  #add(requestId: string, inverse: Inverse): void {
    const known = this.#requests.get(requestId) ?? [];
    this.#requests.delete(requestId); // the latest request comes last
    this.#requests.set(requestId, [...known, inverse]);
    const [oldest] = this.#requests.keys();
    if (this.#requests.size > MOST_REQUESTS && oldest !== undefined) {
      this.#requests.delete(oldest);
    }
  }
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
