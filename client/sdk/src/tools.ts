import { TesseraError, ToolError } from "./errors.js";
import type {
  Checkpoint,
  Note,
  Project,
  Task,
  WsMutationRecord,
  WsToolCall,
  WsToolResult,
} from "./generated/protocol.js";

/** The declared fields of `Item`, without its index signature. */
type Known<Item> = { [Field in keyof Item as string extends Field ? never : Field]: Item[Field] };

/** The device's item types by entity. An application's types may have more fields. */
export interface Items {
  readonly task: Known<Task>;
  readonly project: Known<Project>;
  readonly note: Known<Note>;
  readonly checkpoint: Known<Checkpoint>;
}

export type Entity = keyof Items;
export const ENTITIES = ["task", "project", "note", "checkpoint"] as const satisfies readonly Entity[];

export type Verb = "list" | "get" | "create" | "update" | "delete";

/** The name of a tool in the protocol: `list_tasks`, `get_task`, ... */
export type ToolName = `list_${Entity}s` | `${Exclude<Verb, "list">}_${Entity}`;

type Fields<Item> = { readonly [Field in keyof Item]?: Item[Field] | null };
type Later<Result> = Result | Promise<Result>;

/** The items to list. An item must meet all given conditions. */
export interface ListArgs {
  /** Maps a field to its required value, or to a range of dates: `{ after, before }`. */
  readonly filter?: { readonly [field: string]: unknown };
  /** Words that must occur in the item's text. */
  readonly text?: string;
  readonly limit?: number;
}

/** The items that a list tool found. `total` is the number of all items that meet the conditions, also those left out. */
export type Listed<Item> = { readonly items: readonly Item[] } & (
  | { readonly truncated?: false; readonly total?: number }
  /** `truncated`: items were left out, for example because of `limit`. */
  | { readonly truncated: boolean; readonly total: number }
);

/** Information about a call, besides its arguments. */
export interface CallContext {
  /** Aborted when the server withdraws the call, the deadline passes, or the connection is closed for good. */
  readonly signal: AbortSignal;
  readonly callId: string;
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly deadlineAt: number;
}

/** The five tools of one entity. A tool throws `ToolError` to tell the model what is wrong. */
export interface EntityTools<Item> {
  list(args: ListArgs, context: CallContext): Later<Listed<Item>>;
  /** Returns the item, or undefined for an unknown id. */
  get(args: { readonly id: string }, context: CallContext): Later<Item | undefined>;
  /** Creates an item from the fields in `data`. Returns it with its id. */
  create(args: { readonly data: Fields<Item> }, context: CallContext): Later<Item>;
  /** Changes the fields in `data`; null clears a field. Returns the complete item after the change. */
  update(args: { readonly id: string; readonly data: Fields<Item> }, context: CallContext): Later<Item>;
  /** Deletes the item. The result is ignored. */
  delete(args: { readonly id: string }, context: CallContext): Later<unknown>;
}

/** The twenty tools of a device. A call of a missing tool returns an error to the model. */
export type Tools = { readonly [E in Entity]?: Partial<EntityTools<Items[E]>> };

/** A call that the person must approve. */
export interface Approval {
  readonly tool: ToolName;
  readonly verb: Verb;
  readonly entity: Entity;
  readonly args: Readonly<Record<string, unknown>>;
  readonly callId: string;
  readonly requestId: string;
  /** Whether the call waits on another device of the person. The first answer of any device counts. */
  readonly otherDevice: boolean;
  /** Whether `answer.undo()` can revert the call on this device. False for a call that waits on another device. */
  readonly undoable?: boolean;
}

/** `true`: run it; `false`: refuse it; `args`: run it with these arguments. The `id` cannot be edited. */
export type Decision = boolean | { readonly args: Readonly<Record<string, unknown>> };

/** Asks the person. When `context.signal` is aborted, remove the question: no answer is needed any more. */
export type Approve = (call: Approval, context: CallContext) => Later<Decision>;

/** A change that the person made on this device. */
export type Change = WsMutationRecord;

const VERBS = ["list", "get", "create", "update", "delete"] as const satisfies readonly Verb[];
const TOOLS: ReadonlyMap<string, readonly [Verb, Entity]> = new Map(
  ENTITIES.flatMap((entity) => VERBS.map((verb) => [toolName(verb, entity), [verb, entity] as const] as const)),
);

export function toolName(verb: Verb, entity: Entity): ToolName {
  return verb === "list" ? `list_${entity}s` : `${verb}_${entity}`;
}

/** Splits `list_tasks` into `["list", "task"]`. Returns undefined for any other name. */
export function parseToolName(name: string): readonly [Verb, Entity] | undefined {
  return TOOLS.get(name);
}

// The server refuses longer ids.
const MAX_ID_CHARS = 200;

/** What the server needs to record the change if it does not know the call any more. */
export function stated(frame: WsToolCall, id: unknown): Partial<WsToolResult> {
  const named = typeof id === "string" || typeof id === "number" ? String(id) : "";
  return named.length > 0 && named.length <= MAX_ID_CHARS
    ? { request_id: frame.request_id, tool: frame.tool, id: named }
    : {};
}

/** Whether a list of an application without type checks was cut and does not say how many items there are. */
export function isUncounted(listed: unknown): boolean {
  const { truncated, total } = (listed ?? {}) as { readonly truncated?: unknown; readonly total?: unknown };
  return truncated === true && !(Number.isSafeInteger(total) && (total as number) >= 0);
}

/** The error for such a list. The model gets the items all the same, and learns that there are more. */
export function uncounted(tool: string): TesseraError {
  return new TesseraError(
    "invalid_argument",
    `${tool} returned \`truncated: true\` without \`total\`. Return the number of all items that meet the conditions.`,
  );
}

export function notFound(entity: Entity): ToolError {
  return new ToolError("not_found", `There is no ${entity} with this id.`);
}
