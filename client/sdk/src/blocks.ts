import type {
  ChartData,
  EntityRefData,
  TableData,
  TimelineData,
  WsBlockOpen,
  WsStreamBlock,
} from "./generated/protocol.js";

/** Every `block_type` of the protocol. */
export type BlockType = WsBlockOpen["block_type"];

/** A block that comes whole: what it is, and the data that fits. */
export type StructuredBlock =
  | { readonly type: "chart"; readonly data: ChartData }
  | { readonly type: "table"; readonly data: TableData }
  | { readonly type: "timeline"; readonly data: TimelineData }
  | { readonly type: "entity_ref"; readonly data: EntityRefData };

/** A place in an answer. `index` is the block's own and may leave gaps: a block the server skipped has none. */
export type AnswerBlock =
  | { readonly index: number; readonly type: "text"; readonly text: string; readonly open: boolean }
  | ({ readonly index: number; readonly open: false } & StructuredBlock)
  /** Announced and not here yet: show a skeleton. It goes away by itself if the server skips the block. */
  | { readonly index: number; readonly type: WsStreamBlock["block_type"]; readonly data: null; readonly open: true };
