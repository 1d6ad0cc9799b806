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

/** A block that arrives complete: its type and the data of that type. */
export type StructuredBlock =
  | { readonly type: "chart"; readonly data: ChartData }
  | { readonly type: "table"; readonly data: TableData }
  | { readonly type: "timeline"; readonly data: TimelineData }
  | { readonly type: "entity_ref"; readonly data: EntityRefData };

/** A block of an answer. The indexes may have gaps, because the server skips invalid blocks. */
export type AnswerBlock =
  | { readonly index: number; readonly type: "text"; readonly text: string; readonly open: boolean }
  | ({ readonly index: number; readonly open: false } & StructuredBlock)
  /** Announced but not yet received: show a skeleton. The SDK removes it if the server skips the block. */
  | { readonly index: number; readonly type: WsStreamBlock["block_type"]; readonly data: null; readonly open: true };
