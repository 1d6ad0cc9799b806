"use client";

import type { AnswerBlock } from "@tessera/client";
import { BlockBoundary } from "./blocks/BlockBoundary.js";
import { ChartBlock } from "./blocks/ChartBlock.js";
import { EntityBlock } from "./blocks/EntityBlock.js";
import { RawBlock } from "./blocks/RawBlock.js";
import { Skeleton } from "./blocks/Skeleton.js";
import { TableBlock } from "./blocks/TableBlock.js";
import { TextBlock } from "./blocks/TextBlock.js";
import { TimelineBlock } from "./blocks/TimelineBlock.js";
import { useBlockOptions } from "./options.js";

/** One block of an answer, or a skeleton while it is open. It never throws: an invalid block is shown as text. */
export function Block({ block }: { readonly block: AnswerBlock }) {
  const { onBlockError } = useBlockOptions();
  const content = block.type === "text" ? block.text : block.data;
  return (
    <BlockBoundary
      data={content}
      fallback={<RawBlock blockType={block.type} data={content} />}
      onError={(error) => onBlockError?.(error, block.type)}
    >
      <Drawn block={block} />
    </BlockBoundary>
  );
}

function Drawn({ block }: { readonly block: AnswerBlock }) {
  if (block.type === "text") return block.text ? <TextBlock text={block.text} open={block.open} /> : null;
  if (block.open) return <Skeleton blockType={block.type} />;
  switch (block.type) {
    case "chart":
      return <ChartBlock data={block.data} />;
    case "table":
      return <TableBlock data={block.data} />;
    case "timeline":
      return <TimelineBlock data={block.data} />;
    case "entity_ref":
      return <EntityBlock data={block.data} />;
    default:
      // A block type of a newer server.
      return (
        <RawBlock blockType={String((block as { type: unknown }).type)} data={(block as { data: unknown }).data} />
      );
  }
}
