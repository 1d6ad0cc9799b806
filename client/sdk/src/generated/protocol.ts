// Generated from docs/protocol/schema.json by `make schema`; not for editing.
// sha256 of that file: 78d5d34eacfaded9ca4df2086e9dab9e303141cdd97e7c98468398d57ae6169c

/**
 * The shadcn/ui chart components of the client.
 */
export type ChartType = "area" | "bar" | "line" | "pie" | "radar" | "radial";
/**
 * What a client may send.
 */
export type ClientFrame =
  | WsDeviceHello
  | WsHomeRequest
  | WsPopupRequest
  | WsCancel
  | WsToolResult
  | WsDataResponse
  | WsClientMutation
  | WsMemoryForget
  | WsPing
  | WsAuthRefresh;
/**
 * An `entity_ref`: items of one entity, as the device has them.
 */
export type EntityRefData = TaskRefData | ProjectRefData | NoteRefData | CheckpointRefData;
/**
 * `code` of an `error` frame and of `stream_end.error`.
 */
export type ErrorCode =
  | "invalid_frame"
  | "unknown_type"
  | "already_ready"
  | "duplicate_request"
  | "unknown_request"
  | "unknown_call"
  | "too_many_requests"
  | "message_too_long"
  | "rate_limited"
  | "budget_spent"
  | "unauthorized"
  | "server_draining"
  | "model_busy"
  | "model_unavailable"
  | "model_error"
  | "model_timeout"
  | "request_timeout"
  | "scope_not_found"
  | "unknown_memory"
  | "memory_unavailable"
  | "internal";
/**
 * What the server may send.
 */
export type ServerFrame =
  | WsDeviceReady
  | WsStreamStart
  | WsPopupDomain
  | WsBlockOpen
  | WsStreamText
  | WsStreamBlock
  | WsStreamEnd
  | WsToolCall
  | WsToolCancel
  | WsDataRequest
  | WsServerMutation
  | WsMemoryForgotten
  | WsPong
  | WsAuthExpiring
  | WsError;

/**
 * `data` has one object a point; every key of `config` names a numeric series in it, in which null is a gap.
 */
export interface ChartData {
  chartType: ChartType;
  title: string;
  data: {
    [k: string]: string | number | boolean | null;
  }[];
  config: {
    [k: string]: ChartSeries;
  };
}
/**
 * One entry of a chart's `config`, as shadcn's ChartConfig has it.
 */
export interface ChartSeries {
  label: string;
  color: string;
}
export interface Checkpoint {
  id: string;
  title: string;
  date: number | string;
  projectId?: string | null;
  isAiSuggested?: boolean | null;
  isApproved?: boolean | null;
  [k: string]: unknown;
}
export interface CheckpointRefData {
  entity: "checkpoint";
  items: Checkpoint[];
}
export interface WsDeviceHello {
  type: "device_hello";
  token?: string | null;
  device_id: string;
  protocol_versions: number[];
  client: WsClientInfo;
  /**
   * What the client also wants: `block_open`. Others are ignored.
   */
  features?: string[];
  resume?: WsResume | null;
}
export interface WsClientInfo {
  name: string;
  version: string;
  platform: string;
}
export interface WsResume {
  session_id: string;
  seq: number;
}
export interface WsHomeRequest {
  type: "home_request";
  request_id?: string | null;
  message: string;
  conversation_history?: WsHistoryMessage[];
  session_id?: string | null;
}
export interface WsHistoryMessage {
  role: "user" | "assistant";
  content: string;
}
export interface WsPopupRequest {
  type: "popup_request";
  request_id?: string | null;
  message: string;
  scope: WsScope;
}
/**
 * What a popup was opened on: an entity kind (singular) and, when it is about one item, its id.
 */
export interface WsScope {
  type: "task" | "project" | "note" | "checkpoint";
  id?: string | null;
}
export interface WsCancel {
  type: "cancel";
  request_id: string;
}
/**
 * The device's answer: `data` if `ok`, else `error`. `edited_args`: arguments that the person approved instead.
 */
export interface WsToolResult {
  type: "tool_result";
  call_id: string;
  ok: boolean;
  data?: unknown;
  edited_args?: {
    [k: string]: unknown;
  } | null;
  error?: WsToolError | null;
}
export interface WsToolError {
  code: string;
  message?: string;
}
export interface WsDataResponse {
  type: "data_response";
  data_id: string;
  items?:
    | {
        [k: string]: unknown;
      }[]
    | null;
  error?: WsToolError | null;
}
/**
 * The person edited something on this device.
 */
export interface WsClientMutation {
  type: "mutation";
  op: "create" | "update" | "delete";
  entity: "task" | "project" | "note" | "checkpoint";
  id: string;
  data?: {
    [k: string]: unknown;
  } | null;
}
/**
 * The person wants one memory deleted, for example one of `stream_end.memory_used`.
 */
export interface WsMemoryForget {
  type: "memory_forget";
  memory_id: string;
}
export interface WsPing {
  type: "ping";
}
export interface WsAuthRefresh {
  type: "auth_refresh";
  token: string;
}
export interface TaskRefData {
  entity: "task";
  items: Task[];
}
export interface Task {
  id: string;
  title: string;
  description?: string | null;
  status?: string | null;
  priority?: string | null;
  assignee?: string | null;
  dueDate?: number | string | null;
  projectId?: string | null;
  [k: string]: unknown;
}
export interface ProjectRefData {
  entity: "project";
  items: Project[];
}
export interface Project {
  id: string;
  name: string;
  description?: string | null;
  clientId?: string | null;
  status?: string | null;
  [k: string]: unknown;
}
export interface NoteRefData {
  entity: "note";
  items: Note[];
}
export interface Note {
  id: string;
  title: string;
  content?: string | null;
  createdAt?: number | string | null;
  projectId?: string | null;
  [k: string]: unknown;
}
export interface WsDeviceReady {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "device_ready";
  session_id: string;
  protocol_version: number;
  user_id: string;
  heartbeat_s: number;
  limits: WsLimits;
  resume: "new" | "replayed" | "lost";
}
export interface WsLimits {
  max_frame_bytes: number;
  max_concurrent_requests: number;
  max_message_chars: number;
}
export interface WsStreamStart {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "stream_start";
  request_id: string;
  agent: string;
}
export interface WsPopupDomain {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "popup_domain";
  request_id: string;
  domain: "tasks" | "checkpoints" | "notes" | "projects";
}
/**
 * A block has begun and its type is known. Sent only to clients with the feature `block_open`.
 */
export interface WsBlockOpen {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "block_open";
  request_id: string;
  block: number;
  block_type: "text" | "chart" | "table" | "timeline" | "entity_ref";
}
export interface WsStreamText {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "stream_text";
  request_id: string;
  block: number;
  chunk: string;
}
export interface WsStreamBlock {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "stream_block";
  request_id: string;
  block: number;
  block_type: "chart" | "table" | "timeline" | "entity_ref";
  data: {
    [k: string]: unknown;
  };
}
export interface WsStreamEnd {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "stream_end";
  request_id: string;
  status: "completed" | "cancelled" | "failed";
  mutations: WsMutationRecord[];
  /**
   * Memories that were recalled for this answer; left out if there are none.
   */
  memory_used?: WsMemoryUsed[];
  usage?: WsUsage;
  error?: WsFailure;
}
/**
 * One change a request made on the device, as `stream_end.mutations` lists it.
 */
export interface WsMutationRecord {
  op: "create" | "update" | "delete";
  entity: "task" | "project" | "note" | "checkpoint";
  id: string;
  data?: {
    [k: string]: unknown;
  };
}
/**
 * One memory that was recalled for an answer, and why.
 */
export interface WsMemoryUsed {
  id: string;
  tier: "core" | "associative" | "episodic" | "proactive";
  reason: string;
}
export interface WsUsage {
  input_tokens: number;
  output_tokens: number;
}
export interface WsFailure {
  code: ErrorCode;
  message: string;
  retryable: boolean;
}
export interface WsToolCall {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "tool_call";
  call_id: string;
  request_id: string;
  tool: string;
  args: {
    [k: string]: unknown;
  };
  /**
   * Milliseconds the device has, from receipt.
   */
  deadline_ms: number;
  requires_approval: boolean;
}
export interface WsToolCancel {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "tool_cancel";
  call_id: string;
}
export interface WsDataRequest {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "data_request";
  data_id: string;
  request_id: string;
  entity: "task" | "project" | "note" | "checkpoint";
  id?: string;
  filter?: {
    [k: string]: unknown;
  };
}
/**
 * Another device of this user changed something, by a tool (`request_id`) or by hand.
 */
export interface WsServerMutation {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "mutation";
  op: "create" | "update" | "delete";
  entity: "task" | "project" | "note" | "checkpoint";
  id: string;
  data?: {
    [k: string]: unknown;
  };
  request_id?: string;
  origin_device_id?: string;
}
/**
 * The memory was deleted, with its sources and everything derived from it, in each of `tiers`.
 */
export interface WsMemoryForgotten {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "memory_forgotten";
  memory_id: string;
  tiers: ("core" | "associative" | "episodic" | "proactive")[];
}
export interface WsPong {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "pong";
}
export interface WsAuthExpiring {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "auth_expiring";
  in_s: number;
}
export interface WsError {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "error";
  code: ErrorCode;
  message: string;
  retryable: boolean;
  request_id?: string;
}
/**
 * Every row is as long as `headers`.
 */
export interface TableData {
  headers: string[];
  rows: (string | number | boolean | null)[][];
}
/**
 * One bar of the Gantt chart; `date` is in epoch milliseconds, or ISO 8601 made so. Other fields pass through.
 */
export interface TimelineCheckpoint {
  id: string;
  title: string;
  date: number;
  [k: string]: unknown;
}
export interface TimelineData {
  checkpoints: TimelineCheckpoint[];
}
