import type { Checkpoint, Note, Project, Task, WsMutationRecord } from "./generated/protocol.js";

/** The fields of `Item` that have names. */
type Known<Item> = { [Field in keyof Item as string extends Field ? never : Field]: Item[Field] };

/** The device's items by the name of their entity. An application's own types may have more fields. */
export interface Items {
  readonly task: Known<Task>;
  readonly project: Known<Project>;
  readonly note: Known<Note>;
  readonly checkpoint: Known<Checkpoint>;
}

export type Entity = keyof Items;
export const ENTITIES = ["task", "project", "note", "checkpoint"] as const satisfies readonly Entity[];

export type Verb = "list" | "get" | "create" | "update" | "delete";

/** The wire's name of a tool: `list_tasks`, `get_task`, ... */
export type ToolName = `list_${Entity}s` | `${Exclude<Verb, "list">}_${Entity}`;

type Fields<Item> = { readonly [Field in keyof Item]?: Item[Field] | null };
type Later<Result> = Result | Promise<Result>;

/** Which items to list; all conditions that are given must hold. */
export interface ListArgs {
  /** Field to the value it must have, or to the range it must lie in (dates). */
  readonly filter?: { readonly [field: string]: unknown };
  /** Words to find in the item's text. */
  readonly text?: string;
  readonly limit?: number;
}

/** What goes with a call. */
export interface CallContext {
  /** Aborted when the server withdraws the call, its time is up, or the connection ends: the result is unwanted then. */
  readonly signal: AbortSignal;
  readonly callId: string;
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly deadlineAt: number;
}

/** The five tools of one entity. A tool that throws `ToolError` tells the model why. */
export interface EntityTools<Item> {
  list(args: ListArgs, context: CallContext): Later<{ readonly items: readonly Item[]; readonly truncated?: boolean }>;
  /** The item, or undefined for an id there is not. */
  get(args: { readonly id: string }, context: CallContext): Later<Item | undefined>;
  /** Makes an item of the fields in `data`; gives it with its id. */
  create(args: { readonly data: Fields<Item> }, context: CallContext): Later<Item>;
  /** Changes the fields in `data`, and empties those that are null; gives the whole item as it is then. */
  update(args: { readonly id: string; readonly data: Fields<Item> }, context: CallContext): Later<Item>;
  /** What it gives is not looked at. */
  delete(args: { readonly id: string }, context: CallContext): Later<unknown>;
}

/** The twenty tools of a device. Those left out answer the model with an error. */
export type Tools = { readonly [E in Entity]?: Partial<EntityTools<Items[E]>> };

/** A call that the person must be asked about. */
export interface Approval {
  readonly tool: ToolName;
  readonly verb: Verb;
  readonly entity: Entity;
  readonly args: Readonly<Record<string, unknown>>;
  readonly callId: string;
  readonly requestId: string;
}

/** `true`: run it; `false`: refused; `args`: run it so. The `id` in the arguments can't be edited. */
export type Decision = boolean | { readonly args: Readonly<Record<string, unknown>> };

/** Asks the person. When `signal` is aborted the question is moot: take it away. */
export type Approve = (call: Approval, context: CallContext) => Later<Decision>;

/** Something the person changed on this device. */
export type Change = WsMutationRecord;

const VERBS = ["list", "get", "create", "update", "delete"] as const satisfies readonly Verb[];
const TOOLS: ReadonlyMap<string, readonly [Verb, Entity]> = new Map(
  ENTITIES.flatMap((entity) => VERBS.map((verb) => [toolName(verb, entity), [verb, entity] as const] as const)),
);

export function toolName(verb: Verb, entity: Entity): ToolName {
  return verb === "list" ? `list_${entity}s` : `${verb}_${entity}`;
}

/** `list_tasks` as `["list", "task"]`; undefined for what is none of the twenty. */
export function parseToolName(name: string): readonly [Verb, Entity] | undefined {
  return TOOLS.get(name);
}
