import type { AnswerBlock, BlockType, StructuredBlock } from "./blocks.js";
import { TesseraError } from "./errors.js";
import type {
  WsAnswerLocale,
  WsBlockOpen,
  WsFailure,
  WsMemoryUsed,
  WsMutationRecord,
  WsPopupDomain,
  WsRequestResult,
  WsResultBlock,
  WsStreamBlock,
  WsStreamEnd,
  WsStreamStart,
  WsStreamText,
  WsToolEvent,
  WsUsage,
} from "./generated/protocol.js";
import { type Entity, parseToolName, type Verb } from "./tools.js";

/** The frames of one answer. */
export type AnswerFrame =
  | WsStreamStart
  | WsPopupDomain
  | WsBlockOpen
  | WsStreamText
  | WsStreamBlock
  | WsToolEvent
  | WsStreamEnd
  | WsRequestResult;

/** A tool call of an answer, for a line such as "Reading your tasks…". */
export interface AnswerTool {
  readonly callId: string;
  readonly tool: string;
  /** What the tool does, and with which items; null for a tool of a newer server. */
  readonly verb: Verb | null;
  readonly entity: Entity | null;
  readonly state: WsToolEvent["state"];
  /** Why it failed, such as `denied`. `edited`: the person changed the arguments, and the changed call follows. */
  readonly code: string | null;
}

/** An answer so far. Immutable: each frame creates a new snapshot. */
export interface AnswerSnapshot {
  readonly requestId: string;
  readonly status: "running" | "completed" | "cancelled" | "failed";
  /** The request waits in the client and was not sent. */
  readonly queued?: true;
  /** The agent that answers; null until it is known, and for popups. */
  readonly agent: string | null;
  /** The domain of a popup; null until it is known, and for home answers. */
  readonly domain: WsPopupDomain["domain"] | null;
  /** Sorted by index. The indexes may have gaps. */
  readonly blocks: readonly AnswerBlock[];
  /** The tool calls of this answer, in the order in which they began. Calls before a lost session may be missing. */
  readonly tools: readonly AnswerTool[];
  /** What the agent changed on this device. */
  readonly mutations: readonly WsMutationRecord[];
  /** The memories that were recalled for this answer, with the reasons. */
  readonly memoryUsed: readonly WsMemoryUsed[];
  readonly usage: WsUsage | null;
  /**
   * Why the model's answer ended: `stop` (the model finished), `length` (its limit of tokens), `content_filter`, or `tool_limit`
   * (the request may make no more tool calls). Other than `stop`: tell the person that the answer may be incomplete.
   */
  readonly finish?: WsStreamEnd["finish"] | null;
  /** How many blocks have text or data, as the server counts them. */
  readonly shown?: number | null;
  /** The locale that the answer was made for: "today" in it is a day of its time zone. */
  readonly locale?: WsAnswerLocale | null;
  /** Why the exchange is not in memory, such as `quota_reached`. The answer itself is complete. */
  readonly notStored?: WsFailure | null;
  /** Set if the status is `failed`. */
  readonly error: TesseraError | null;
}

/** An answer that completed or was cancelled. */
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
    tools: [],
    mutations: [],
    memoryUsed: [],
    usage: null,
    error: null,
  };
}

/**
 * `snapshot` after `frame`. Pure: it inserts or replaces by block index, so applying a replay twice gives the same
 * snapshot. Frames after the end change nothing.
 */
export function applyFrame(snapshot: AnswerSnapshot, frame: AnswerFrame): AnswerSnapshot {
  if (snapshot.status !== "running") {
    return snapshot;
  }
  const { blocks } = snapshot;
  switch (frame.type) {
    case "stream_start":
      return { ...snapshot, agent: frame.agent };
    case "popup_domain":
      return { ...snapshot, domain: frame.domain };
    case "block_open":
      return { ...snapshot, blocks: opened(blocks, frame.block, frame.block_type) };
    case "stream_text":
      return { ...snapshot, blocks: withText(blocks, frame.block, frame.chunk, frame.replace === true) };
    case "stream_block":
      return { ...snapshot, blocks: place(blocks, { index: frame.block, open: false, ...structured(frame) }) };
    case "tool_event":
      return { ...snapshot, tools: withTool(snapshot.tools, frame) };
    case "stream_end":
      return withOutcome(snapshot, frame);
    case "request_result": {
      const { agent = null, domain = null } = frame;
      const whole = { ...snapshot, agent, domain, blocks: frame.blocks.map(resultBlock) };
      return frame.status === "running" ? whole : withOutcome(whole, frame);
    }
  }
}

/** The final snapshot: no block is open, and blocks that never arrived are removed. */
export function ended(
  snapshot: AnswerSnapshot,
  status: "completed" | "cancelled" | "failed",
  error: TesseraError | null,
  end?: WsStreamEnd | WsRequestResult,
): AnswerSnapshot {
  const { queued: _, ...known } = snapshot;
  return {
    ...known,
    status,
    error,
    blocks: closed(known.blocks),
    mutations: end?.mutations ?? [],
    memoryUsed: end?.memory_used ?? [],
    usage: end?.usage ?? null,
    finish: end?.finish ?? null,
    shown: end?.shown ?? null,
    ...(end?.locale === undefined ? {} : { locale: end.locale }),
    ...(end?.not_stored === undefined ? {} : { notStored: end.not_stored }),
  };
}

function withOutcome(snapshot: AnswerSnapshot, end: WsStreamEnd | WsRequestResult): AnswerSnapshot {
  const { status } = end;
  return status === "completed" || status === "cancelled"
    ? ended(snapshot, status, null, end)
    : ended(snapshot, "failed", failure(end.error, snapshot.requestId), end);
}

function failure(error: WsFailure | undefined, requestId: string): TesseraError {
  return new TesseraError(error?.code ?? "internal", error?.message ?? "The server failed to answer.", {
    retryable: error?.retryable ?? false,
    text: error?.text ?? undefined,
    requestId,
  });
}

/** The block of a `stream_block` frame. The cast is safe because the server sends the data of the block's type. */
export function structured(frame: Pick<WsStreamBlock, "data"> & { readonly block_type: string }): StructuredBlock {
  return { type: frame.block_type, data: frame.data } as unknown as StructuredBlock;
}

function resultBlock({ block: index, block_type, content = "", data = {} }: WsResultBlock): AnswerBlock {
  return block_type === "text"
    ? { index, type: "text", text: content, open: false }
    : { index, open: false, ...structured({ block_type, data }) };
}

/** Close the open blocks except `kept`: open text is now complete, and any other open block was skipped by the server. */
function closed(blocks: readonly AnswerBlock[], kept = -1): readonly AnswerBlock[] {
  if (!blocks.some((block) => block.open && block.index !== kept)) {
    return blocks;
  }
  return blocks.flatMap((block): AnswerBlock[] => {
    if (!block.open || block.index === kept) {
      return [block];
    }
    return block.type === "text" ? [{ ...block, open: false }] : [];
  });
}

function opened(blocks: readonly AnswerBlock[], index: number, type: BlockType): readonly AnswerBlock[] {
  const others = closed(blocks, index);
  if (others.some((block) => block.index === index && block.type === type)) {
    return others; // replayed: the block keeps its content until its next frame
  }
  return place(
    others,
    type === "text" ? { index, type, text: "", open: true } : { index, type, data: null, open: true },
  );
}

function withText(
  blocks: readonly AnswerBlock[],
  index: number,
  chunk: string,
  replace: boolean,
): readonly AnswerBlock[] {
  const last = blocks.at(-1);
  if (last?.index === index && last.type === "text") {
    return [...blocks.slice(0, -1), { ...last, text: replace ? chunk : last.text + chunk, open: true }];
  }
  const before = blocks.find((block) => block.index === index);
  const text = before?.type === "text" && !replace ? before.text + chunk : chunk;
  return place(closed(blocks, index), { index, type: "text", text, open: true });
}

/** A call that has ended does not begin again in a replay. */
function withTool(tools: readonly AnswerTool[], frame: WsToolEvent): readonly AnswerTool[] {
  const { call_id: callId, tool, state, code = null } = frame;
  const at = tools.findIndex((known) => known.callId === callId);
  if (at >= 0 && !isRunning(state) && isRunning(tools[at]?.state)) {
    return tools.map((known, index) => (index === at ? { ...known, state, code } : known));
  }
  const [verb = null, entity = null] = parseToolName(tool) ?? [];
  return at >= 0 ? tools : [...tools, { callId, tool, verb, entity, state, code }];
}

function isRunning(state: AnswerTool["state"] | undefined): boolean {
  return state === "started" || state === "waiting_for_approval";
}

/** Insert `block` in index order. New blocks are usually the last; a corrected block arrives after later ones. */
function place(blocks: readonly AnswerBlock[], block: AnswerBlock): readonly AnswerBlock[] {
  const others = blocks.filter((other) => other.index !== block.index);
  const at = others.findLastIndex((other) => other.index < block.index) + 1;
  return [...others.slice(0, at), block, ...others.slice(at)];
}
