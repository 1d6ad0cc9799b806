/** The Tessera device protocol for applications. Start with `connect`. */

export type { AccountCalls, DeletionReceipt, DeviceEntry, NamedGuest, SignupOptions } from "./account.js";
export { type Answer, type AnswerEvent, type ThenableAnswer, thenable } from "./answer.js";
export type { BackoffOptions } from "./backoff.js";
export type { AnswerBlock, BlockType, StructuredBlock } from "./blocks.js";
export { type Remedy, remedyFor } from "./close-codes.js";
export type { ConnectionState, TokenReason } from "./connection.js";
export {
  addDays,
  type CalendarDay,
  type DateRange,
  type DayForm,
  dayOf,
  instantOf,
  isBefore,
  isCalendarDay,
  isInRange,
  startOf,
  today,
} from "./days.js";
export {
  type ErrorDetails,
  type RestErrorCode,
  type SdkErrorCode,
  TesseraError,
  type TesseraErrorCode,
  ToolError,
} from "./errors.js";
export type { ForgetPreview, MemoryTier } from "./forgetting.js";
export type * from "./generated/protocol.js";
export { type Journal, type JournalEntry, storeJournal } from "./journal.js";
export type { FrameRecord } from "./link.js";
export { intlLocale } from "./locale.js";
export type { ConnectOptions, HomeOptions, PopupOptions, ReadyOptions, TesseraEvents } from "./options.js";
export type { AttachOptions, RequestOptions } from "./requests.js";
export {
  type Conversation,
  type ConversationPage,
  type ConversationSummary,
  type ErasureReceipt,
  type ForgottenConversation,
  type Login,
  type LoginOptions,
  type MemoryRecord,
  type PageOptions,
  type RegisterOptions,
  type RequestPage,
  type RequestState,
  type RequestSummary,
  type Rest,
  type RestOptions,
  rest,
  type StoredExchange,
} from "./rest.js";
export {
  type AnswerFrame,
  type AnswerSnapshot,
  type AnswerTool,
  applyFrame,
  type FinishedAnswer,
  newSnapshot,
} from "./snapshot.js";
export { memoryStore, type Store } from "./store.js";
export { connect, Tessera } from "./tessera.js";
export type { TokenSource } from "./token-source.js";
export {
  type Approval,
  type Approve,
  type CallContext,
  type Change,
  type Decision,
  ENTITIES,
  type Entity,
  type EntityTools,
  type Items,
  type ListArgs,
  type Listed,
  parseToolName,
  type ToolName,
  type Tools,
  toolName,
  type Verb,
} from "./tools.js";
export type { Undone } from "./undo.js";
export type { WebSocketConstructor, WebSocketLike } from "./web-socket.js";
