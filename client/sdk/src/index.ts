export type { AnswerBlock, BlockType, StructuredBlock } from "./blocks.js";
export type * from "./generated/protocol.js";
