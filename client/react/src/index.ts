/** React components for the blocks of a Tessera answer, and for the approvals of tool calls. Import `@tessera/react/styles.css` once. */
export { Answer, type AnswerProps, AnswerView } from "./Answer.js";
export { ApprovalDialog, type ApprovalDialogProps } from "./approvals/ApprovalDialog.js";
export { ApprovalQueue, type PendingApproval } from "./approvals/ApprovalQueue.js";
export { useApprovals } from "./approvals/useApprovals.js";
export { Block } from "./Block.js";
export { ChartBlock } from "./blocks/ChartBlock.js";
export { EntityBlock, type EntityBlockProps, type EntityLayout } from "./blocks/EntityBlock.js";
export { RawBlock } from "./blocks/RawBlock.js";
export { Skeleton } from "./blocks/Skeleton.js";
export { TableBlock } from "./blocks/TableBlock.js";
export { TextBlock } from "./blocks/TextBlock.js";
export { TimelineBlock } from "./blocks/TimelineBlock.js";
export type { EntityItem, EntityName } from "./data/entities.js";
export { type BlockOptions, BlockOptionsProvider } from "./options.js";
export { type AnswerSource, useAnswer } from "./useAnswer.js";
