// Generated from docs/protocol/schema.json by `make schema`; not for editing.
// sha256 of that file: 4c085cc6a617c60ba72e34c9afa1eca30fc0501de13bf2aeddb255c75c340394

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
  | WsWatch
  | WsUnwatch
  | WsToolAccepted
  | WsToolResult
  | WsApproval
  | WsDataResponse
  | WsClientMutation
  | WsChangesSeen
  | WsLocaleChanged
  | WsMemoryForget
  | WsMemoryForgetPreview
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
  | "model_cut"
  | "model_timeout"
  | "empty_answer"
  | "answer_cut"
  | "request_timeout"
  | "server_lost"
  | "resume_expired"
  | "log_overflow"
  | "scope_not_found"
  | "unknown_memory"
  | "memory_unavailable"
  | "quota_reached"
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
  | WsRequestResult
  | WsToolEvent
  | WsToolCall
  | WsToolCancel
  | WsToolAck
  | WsApprovalRequest
  | WsApprovalClosed
  | WsDataRequest
  | WsServerMutation
  | WsMutationAck
  | WsMemoryForgotten
  | WsMemoryPreview
  | WsPong
  | WsAuthExpiring
  | WsDraining
  | WsError;
/**
 * Every value of `type` on the wire.
 */
export type WsFrameType =
  | "device_hello"
  | "device_ready"
  | "home_request"
  | "popup_request"
  | "cancel"
  | "watch"
  | "unwatch"
  | "stream_start"
  | "popup_domain"
  | "block_open"
  | "stream_text"
  | "stream_block"
  | "stream_end"
  | "request_result"
  | "tool_event"
  | "tool_call"
  | "tool_cancel"
  | "tool_accepted"
  | "tool_result"
  | "tool_ack"
  | "approval_request"
  | "approval"
  | "approval_closed"
  | "data_request"
  | "data_response"
  | "mutation"
  | "mutation_ack"
  | "changes_seen"
  | "locale_changed"
  | "memory_forget"
  | "memory_forgotten"
  | "memory_forget_preview"
  | "memory_preview"
  | "ping"
  | "pong"
  | "auth_refresh"
  | "auth_expiring"
  | "draining"
  | "error";

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
   * What the client also understands: `block_open`, `ledger`, `changes`, `approvals`, `tool_events`, `quota`. Others are ignored.
   */
  features?: string[];
  resume?: WsResume | null;
  /**
   * The number of the last change that this device has applied.
   */
  changes_after?: number | null;
  locale?: WsLocale | null;
  /**
   * How this device stores calendar days: as `2026-03-09` (`date`), or as the epoch milliseconds of the day's midnight in `locale.time_zone` (`local_midnight`) or in UTC (`utc_midnight`). Default: `date`, or `utc_midnight` for a client that sends no `locale`.
   */
  dates?: ("date" | "local_midnight" | "utc_midnight") | null;
}
export interface WsClientInfo {
  name: string;
  version: string;
  platform: string;
}
/**
 * The session that the client continues, and the `seq` of the last frame of it that the client has processed.
 */
export interface WsResume {
  session_id: string;
  seq: number;
}
/**
 * The person's locale on this device, as `Intl` has it. What the device does not know is left out.
 */
export interface WsLocale {
  time_zone?: string | null;
  language?: string | null;
  week_start?: ("monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday") | null;
  hour_cycle?: ("h11" | "h12" | "h23" | "h24") | null;
}
export interface WsHomeRequest {
  /**
   * The conversation that the message belongs to, chosen by the client. Not `.` or `..`, and without control characters.
   */
  conversation_id?: string | null;
  /**
   * @deprecated
   * The older name of `conversation_id`.
   */
  session_id?: string | null;
  type: "home_request";
  request_id?: string | null;
  message: string;
  /**
   * The conversation so far, oldest first, at most 262,144 bytes of UTF-8. Left out: the server reads it from memory if `conversation_id` names a conversation.
   */
  conversation_history?: WsHistoryMessage[];
}
/**
 * One message of `conversation_history`. There is no role `system`: clients send no instructions to the model.
 */
export interface WsHistoryMessage {
  role: "user" | "assistant";
  content: string;
}
export interface WsPopupRequest {
  /**
   * The conversation that the message belongs to, chosen by the client. Not `.` or `..`, and without control characters.
   */
  conversation_id?: string | null;
  /**
   * @deprecated
   * The older name of `conversation_id`.
   */
  session_id?: string | null;
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
 * Follow a request of this user on this socket: its frames so far, then its live frames.
 */
export interface WsWatch {
  type: "watch";
  request_id: string;
}
/**
 * Follow the request no longer. It goes on.
 */
export interface WsUnwatch {
  type: "unwatch";
  request_id: string;
}
/**
 * The device has written the call to its journal and now runs it.
 */
export interface WsToolAccepted {
  type: "tool_accepted";
  call_id: string;
}
/**
 * The device's answer: `data` if `ok`, else `error`. `edited_args`: arguments that the person approved instead.
 *
 * `error.code` is `denied` if the person refused, and `unknown` if the device started the call and has no result.
 * `request_id` and `tool` are those of the call, and `id` is that of the item: with them, a change of a call that the
 * server does not know any more is recorded.
 */
export interface WsToolResult {
  type: "tool_result";
  call_id: string;
  request_id?: string | null;
  tool?: string | null;
  id?: string | null;
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
/**
 * The person's answer to an `approval_request`, which another device of theirs asked for.
 */
export interface WsApproval {
  type: "approval";
  call_id: string;
  approved: boolean;
  edited_args?: {
    [k: string]: unknown;
  } | null;
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
  /**
   * Idempotency key: a mutation that is sent again with it is not applied again.
   */
  mutation_id?: string | null;
}
/**
 * The device has applied every change up to this number.
 */
export interface WsChangesSeen {
  type: "changes_seen";
  change: number;
}
/**
 * The person's locale on this device has changed, for example after a journey. It applies to later requests.
 */
export interface WsLocaleChanged {
  type: "locale_changed";
  locale: WsLocale;
}
/**
 * The person wants one memory deleted, for example one of `stream_end.memory_used`.
 */
export interface WsMemoryForget {
  type: "memory_forget";
  memory_id: string;
}
/**
 * The person wants to see what `memory_forget` would delete. Nothing is deleted.
 */
export interface WsMemoryForgetPreview {
  type: "memory_forget_preview";
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
  resume: "new" | "resumed" | "lost";
  /**
   * Every request of this device that the server still knows.
   */
  requests: WsRequestState[];
  changes?: WsChangesState;
}
export interface WsLimits {
  max_frame_bytes: number;
  max_concurrent_requests: number;
  max_message_chars: number;
  /**
   * Seconds that a session keeps its running requests without a socket. Reconnect within this time.
   */
  resume_grace_s: number;
}
/**
 * A request of this device that the server still knows. `reason`: why it failed or is lost.
 */
export interface WsRequestState {
  request_id: string;
  state: "running" | "completed" | "failed" | "cancelled" | "lost";
  reason?: string;
}
/**
 * The user's change log: the number of its last change, and what happens to the changes that the device missed.
 *
 * `sent`: they follow as `mutation` frames. `lost`: the log no longer has them; the client must read everything again.
 */
export interface WsChangesState {
  last: number;
  missed: "none" | "sent" | "lost";
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
  /**
   * `chunk` is the whole text of the block so far: it replaces the text that you have.
   */
  replace?: true;
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
  /**
   * Why the model's answer ended: the model finished, its token limit, a content filter, or because the request may make no more tool calls. Left out if the answer did not end. Other than stop: tell the person that the answer may be incomplete.
   */
  finish?: "stop" | "length" | "content_filter" | "tool_limit";
  /**
   * How many blocks of this answer have text or data.
   */
  shown?: number;
  mutations: WsMutationRecord[];
  /**
   * Memories that were recalled for this answer; left out if there are none.
   */
  memory_used?: WsMemoryUsed[];
  usage?: WsUsage;
  locale?: WsAnswerLocale;
  error?: WsFailure;
  not_stored?: WsFailure1;
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
  /**
   * What the memory says, at most 500 characters: it is the person's own.
   */
  text?: string;
}
export interface WsUsage {
  input_tokens: number;
  output_tokens: number;
  cached_tokens?: number;
}
/**
 * The locale that the answer was made for, and where its zone comes from.
 */
export interface WsAnswerLocale {
  time_zone: string;
  time_zone_source: "request" | "device" | "accept_language" | "memory" | "default";
  language?: string;
  week_start: "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday";
  hour_cycle?: "h11" | "h12" | "h23" | "h24";
}
export interface WsFailure {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  /**
   * A sentence for the person in their language. `message` is for developers, in English.
   */
  text?: string;
}
/**
 * Why this exchange is not in memory, such as quota_reached. The answer itself is complete.
 */
export interface WsFailure1 {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  /**
   * A sentence for the person in their language. `message` is for developers, in English.
   */
  text?: string;
}
/**
 * The current state of a request: while it runs, its answer so far; after its end, its kept answer.
 *
 * Sent instead of a replay if the request has ended.
 */
export interface WsRequestResult {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "request_result";
  request_id: string;
  status: "running" | "completed" | "failed" | "cancelled";
  agent?: string;
  domain?: "tasks" | "checkpoints" | "notes" | "projects";
  /**
   * Why the model's answer ended: the model finished, its token limit, a content filter, or because the request may make no more tool calls. Left out if the answer did not end. Other than stop: tell the person that the answer may be incomplete.
   */
  finish?: "stop" | "length" | "content_filter" | "tool_limit";
  /**
   * How many blocks of this answer have text or data.
   */
  shown?: number;
  blocks: WsResultBlock[];
  mutations: WsMutationRecord[];
  memory_used?: WsMemoryUsed[];
  usage?: WsUsage;
  locale?: WsAnswerLocale1;
  error?: WsFailure;
  not_stored?: WsFailure2;
}
/**
 * One block of a `request_result`: a text block has `content`, any other block has `data`.
 */
export interface WsResultBlock {
  block: number;
  block_type: "text" | "chart" | "table" | "timeline" | "entity_ref";
  content?: string;
  data?: {
    [k: string]: unknown;
  };
}
/**
 * The locale that the answer was made for, and where its zone comes from.
 */
export interface WsAnswerLocale1 {
  time_zone: string;
  time_zone_source: "request" | "device" | "accept_language" | "memory" | "default";
  language?: string;
  week_start: "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday";
  hour_cycle?: "h11" | "h12" | "h23" | "h24";
}
/**
 * Why this exchange is not in memory, such as quota_reached. The answer itself is complete.
 */
export interface WsFailure2 {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  /**
   * A sentence for the person in their language. `message` is for developers, in English.
   */
  text?: string;
}
/**
 * A tool call of this answer: once when it begins, once when it ends. Sent for the feature `tool_events`.
 *
 * `waiting_for_approval`: it begins with a question to the person. A call whose outcome is not known has `failed`.
 */
export interface WsToolEvent {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "tool_event";
  request_id: string;
  call_id: string;
  tool: string;
  state: "started" | "waiting_for_approval" | "finished" | "failed";
  /**
   * Why it failed, such as `denied`, `not_found` or `deadline`. `edited`: the person changed the arguments, and the changed call follows with its own id.
   */
  code?: string;
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
  /**
   * The server sent this call before and has no result of it. Answer from the journal; run it only if the journal does not have it. Sent only to clients with the feature `ledger`.
   */
  offered_again?: true;
  /**
   * With `offered_again`: the device has sent `tool_accepted` for this call. Never run it again: if the journal has no result, answer `unknown`.
   */
  accepted?: true;
}
export interface WsToolCancel {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "tool_cancel";
  call_id: string;
  /**
   * Another device has answered the approval. Withdraw the question, and never start this call. Answer with `tool_result`: error code `not_started`, or the call's result if it was started before. Sent only to clients with the feature `approvals`.
   */
  confirm?: true;
}
/**
 * The server has the result of the call, or no longer needs it: the device may delete its journal entry.
 */
export interface WsToolAck {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "tool_ack";
  call_id: string;
}
/**
 * A call on another device of this user waits for the person's approval. Sent for the feature `approvals`.
 */
export interface WsApprovalRequest {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "approval_request";
  call_id: string;
  request_id: string;
  tool: string;
  args: {
    [k: string]: unknown;
  };
  /**
   * Milliseconds the person has, from receipt.
   */
  expires_ms: number;
}
/**
 * The approval needs no answer any more. `device_id`: the device that answered it.
 */
export interface WsApprovalClosed {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "approval_closed";
  call_id: string;
  outcome: "approved" | "denied" | "expired" | "cancelled";
  device_id?: string;
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
  /**
   * The number of this change in the user's change log.
   */
  change?: number;
}
/**
 * The mutation with this id is stored. `change` is its number in the user's change log.
 */
export interface WsMutationAck {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "mutation_ack";
  mutation_id: string;
  change: number;
}
/**
 * The memory was deleted, with its sources and everything derived from it, in each of `tiers`.
 *
 * `removed` has the ids by tier (at most 1000 of each), and `counts` their numbers. `restored` are preferences whose
 * earlier value counts again. `redacted` are conversations that lost the sentences about a forgotten preference.
 * `mentioned` are conversations that stay although they mention what was deleted, because they say something else too.
 * `unreadable_by`: when copies of the database can't be decrypted for the deleted contents any more.
 */
export interface WsMemoryForgotten {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "memory_forgotten";
  memory_id: string;
  tiers: ("core" | "associative" | "episodic" | "proactive")[];
  removed?: {
    [k: string]: string[];
  };
  counts?: {
    [k: string]: number;
  };
  restored?: string[];
  redacted?: string[];
  mentioned?: string[];
  unreadable_by?: string;
}
/**
 * What `memory_forget` would delete now. The fields are those of `memory_forgotten`.
 */
export interface WsMemoryPreview {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "memory_preview";
  memory_id: string;
  tiers: ("core" | "associative" | "episodic" | "proactive")[];
  removed: {
    [k: string]: string[];
  };
  counts: {
    [k: string]: number;
  };
  restored: string[];
  redacted: string[];
  mentioned: string[];
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
/**
 * The server stops: it accepts no new requests and closes this socket when the running ones have ended.
 *
 * Reconnect `retry_after_ms` after the close. The time differs by device, so that not all come back together.
 */
export interface WsDraining {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "draining";
  retry_after_ms: number;
}
/**
 * An error that answers a frame carries the type of that frame and its ids, if they could be read.
 */
export interface WsError {
  /**
   * Rises by one per frame of the session, from 1.
   */
  seq: number;
  type: "error";
  code: ErrorCode;
  message: string;
  retryable: boolean;
  /**
   * A sentence for the person in their language. `message` is for developers, in English.
   */
  text?: string;
  frame_type?: WsFrameType;
  request_id?: string;
  call_id?: string;
  data_id?: string;
  memory_id?: string;
  mutation_id?: string;
}
/**
 * A table with a title above it and a note below it; both may be empty.
 *
 * A table that the model wrote with a title, or the data of a chart that cannot be drawn.
 */
export interface TableData {
  headers: string[];
  rows: (string | number | boolean | null)[][];
  title?: string;
  note?: string;
}
/**
 * One bar of the Gantt chart. Other fields pass through.
 *
 * `date` is a day (`2026-03-09`), a local time without an offset, or an instant in epoch milliseconds.
 */
export interface TimelineCheckpoint {
  id: string;
  title: string;
  date: number | string;
  [k: string]: unknown;
}
export interface TimelineData {
  checkpoints: TimelineCheckpoint[];
}
/**
 * The locale that an answer was made for: "today" in it is a day of `time_zone`.
 *
 * `time_zone_source` says where the zone comes from: the request, the device that asked, the person's preferences in
 * memory, or none of them (`default`, UTC).
 */
export interface WsAnswerLocale2 {
  time_zone: string;
  time_zone_source: "request" | "device" | "accept_language" | "memory" | "default";
  language?: string;
  week_start: "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday";
  hour_cycle?: "h11" | "h12" | "h23" | "h24";
}
