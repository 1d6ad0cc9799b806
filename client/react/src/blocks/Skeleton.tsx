"use client";

import { useBlockOptions } from "../options.js";
import { blockName, fill } from "../wording/wording.js";

/** The placeholder of a block while the model writes it. */
export function Skeleton({ blockType }: { readonly blockType: string }) {
  const { wording } = useBlockOptions();
  const kind = KINDS[blockType] ?? "lines";
  return (
    <div
      className={`tsr-skeleton tsr-skeleton-${kind}`}
      role="img"
      aria-label={fill(wording.loading, { block: blockName(wording, blockType) })}
    >
      {Array.from({ length: BARS[kind] }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the order of the bars never changes
        <span key={index} className="tsr-skeleton-bar" />
      ))}
    </div>
  );
}

type Kind = "lines" | "bars" | "rows";

const KINDS: Readonly<Record<string, Kind>> = { chart: "bars", table: "rows", timeline: "rows", entity_ref: "rows" };
const BARS: Readonly<Record<Kind, number>> = { lines: 2, bars: 6, rows: 3 };
