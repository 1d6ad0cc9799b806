type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string";
const number: Check = (value) => typeof value === "number";
const index: Check = (value) => Number.isInteger(value) && (value as number) >= 0;
const list: Check = (value) => Array.isArray(value);
const record: Check = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

const block = { request_id: text, block: index } as const;

/** The required fields by frame type. All other fields may be missing. */
const SHAPES: ReadonlyMap<string, Readonly<Record<string, Check>>> = new Map<string, Readonly<Record<string, Check>>>([
  ["stream_start", { request_id: text, agent: text }],
  ["popup_domain", { request_id: text, domain: text }],
  ["block_open", { ...block, block_type: text }],
  ["stream_text", { ...block, chunk: text }],
  ["stream_block", { ...block, block_type: text, data: record }],
  ["tool_event", { request_id: text, call_id: text, tool: text, state: text }],
  ["stream_end", { request_id: text, status: text }],
  ["tool_call", { call_id: text, request_id: text, tool: text, args: record, deadline_ms: number }],
  ["request_result", { request_id: text, status: text, blocks: list, mutations: list }],
  ["tool_cancel", { call_id: text }],
  ["tool_ack", { call_id: text }],
  ["approval_request", { call_id: text, request_id: text, tool: text, args: record, expires_ms: number }],
  ["approval_closed", { call_id: text, outcome: text }],
  ["mutation_ack", { mutation_id: text, change: number }],
  ["draining", { retry_after_ms: number }],
  ["data_request", { data_id: text }],
  ["mutation", { op: text, entity: text, id: text }],
  ["memory_forgotten", { memory_id: text, tiers: list }],
  [
    "memory_preview",
    {
      ...{ memory_id: text, tiers: list, removed: record, counts: record },
      ...{ restored: list, redacted: list, mentioned: list },
    },
  ],
  ["auth_expiring", { in_s: number }],
  ["error", { code: text, message: text }],
]);

/** Whether a frame of a known type has the fields that its type requires. Unknown types always pass. */
export function wellFormed(frame: { readonly type: string; readonly [field: string]: unknown }): boolean {
  const shape = SHAPES.get(frame.type);
  return shape === undefined || Object.entries(shape).every(([field, check]) => check(frame[field]));
}
