import type { AnswerBlock, BlockType, StructuredBlock } from "./blocks.js";
import type { TesseraError } from "./errors.js";
import type {
  WsBlockOpen,
  WsMemoryUsed,
  WsMutationRecord,
  WsPopupDomain,
  WsStreamBlock,
  WsStreamEnd,
  WsStreamStart,
  WsStreamText,
  WsUsage,
} from "./generated/protocol.js";

/** The frames of one answer. */
export type AnswerFrame = WsStreamStart | WsPopupDomain | WsBlockOpen | WsStreamText | WsStreamBlock | WsStreamEnd;

/** One answer as far as it has come. Never changed: each frame makes a new one. */
export interface AnswerSnapshot {
  readonly requestId: string;
  readonly status: "running" | "completed" | "cancelled" | "failed";
  /** Which agent answers; null until it is known, and for popups. */
  readonly agent: string | null;
  /** What a popup is about; null until it is known, and for home answers. */
  readonly domain: WsPopupDomain["domain"] | null;
  /** In the order of their indexes, which may have gaps. */
  readonly blocks: readonly AnswerBlock[];
  /** What the agent changed on this device. */
  readonly mutations: readonly WsMutationRecord[];
  /** Which memories were recalled for this answer, and why. */
  readonly memoryUsed: readonly WsMemoryUsed[];
  readonly usage: WsUsage | null;
  /** With status `failed`. */
  readonly error: TesseraError | null;
}

/** An answer that has ended and did not fail. */
export interface FinishedAnswer extends AnswerSnapshot {
  readonly status: "completed" | "cancelled";
}

export function newSnapshot(requestId: string): AnswerSnapshot {
  return {
    requestId,
    status: "running",
    agent: null,
    domain: null,
    blocks: [],
    mutations: [],
    memoryUsed: [],
    usage: null,
    error: null,
  };
}

/** `snapshot` after `frame`. */
export function withFrame(snapshot: AnswerSnapshot, frame: Exclude<AnswerFrame, WsStreamEnd>): AnswerSnapshot {
  switch (frame.type) {
    case "stream_start":
      return { ...snapshot, agent: frame.agent };
    case "popup_domain":
      return { ...snapshot, domain: frame.domain };
    case "block_open":
      return { ...snapshot, blocks: opened(snapshot.blocks, frame.block, frame.block_type) };
    case "stream_text":
      return { ...snapshot, blocks: withText(snapshot.blocks, frame.block, frame.chunk) };
    case "stream_block":
      return { ...snapshot, blocks: place(snapshot.blocks, { index: frame.block, open: false, ...structured(frame) }) };
  }
}

/** `snapshot` as it stays: nothing is open any more, and blocks that never came are gone. */
export function ended(
  snapshot: AnswerSnapshot,
  status: "completed" | "cancelled" | "failed",
  error: TesseraError | null,
  end?: WsStreamEnd,
): AnswerSnapshot {
  return {
    ...snapshot,
    status,
    error,
    blocks: closed(snapshot.blocks),
    mutations: end?.mutations ?? [],
    memoryUsed: end?.memory_used ?? [],
    usage: end?.usage ?? null,
  };
}

/** The block that a `stream_block` frame brings: the server sends the data that belongs to the type. */
export function structured(frame: WsStreamBlock): StructuredBlock {
  return { type: frame.block_type, data: frame.data } as unknown as StructuredBlock;
}

/** The blocks before a new one has begun: a block still open is then complete if it is text, and else was skipped. */
function closed(blocks: readonly AnswerBlock[]): readonly AnswerBlock[] {
  if (!blocks.some((block) => block.open)) {
    return blocks;
  }
  return blocks.flatMap((block): AnswerBlock[] => {
    if (!block.open) {
      return [block];
    }
    return block.type === "text" ? [{ ...block, open: false }] : [];
  });
}

function opened(blocks: readonly AnswerBlock[], index: number, type: BlockType): readonly AnswerBlock[] {
  const block: AnswerBlock =
    type === "text" ? { index, type, text: "", open: true } : { index, type, data: null, open: true };
  return place(closed(blocks), block);
}

function withText(blocks: readonly AnswerBlock[], index: number, chunk: string): readonly AnswerBlock[] {
  const last = blocks.at(-1);
  if (last?.index === index && last.type === "text") {
    return [...blocks.slice(0, -1), { ...last, text: last.text + chunk, open: true }];
  }
  const before = blocks.find((block) => block.index === index);
  const text = before?.type === "text" ? before.text + chunk : chunk;
  return place(closed(blocks), { index, type: "text", text, open: true });
}

/** Blocks come nearly always at the end; a corrected one comes later than its neighbours. */
function place(blocks: readonly AnswerBlock[], block: AnswerBlock): readonly AnswerBlock[] {
  const others = blocks.filter((other) => other.index !== block.index);
  const at = others.findLastIndex((other) => other.index < block.index) + 1;
  return [...others.slice(0, at), block, ...others.slice(at)];
}
