/** The placeholder of a block while the model writes it. */
export function Skeleton({ blockType }: { readonly blockType: string }) {
  const kind = KINDS[blockType] ?? "lines";
  return (
    <div
      className={`tsr-skeleton tsr-skeleton-${kind}`}
      role="img"
      aria-label={`${LABELS[blockType] ?? "Block"} loading`}
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
const LABELS: Readonly<Record<string, string>> = {
  text: "Text",
  chart: "Chart",
  table: "Table",
  timeline: "Timeline",
  entity_ref: "Items",
};
