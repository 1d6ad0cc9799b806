import { memo } from "react";
import { writeJson } from "../data/json.js";

/** The fallback for a block that cannot be drawn: a note and the block's data as text. */
export const RawBlock = memo(function RawBlock({
  blockType,
  data,
}: {
  readonly blockType: string;
  readonly data: unknown;
}) {
  return (
    <div className="tsr-raw">
      <p className="tsr-muted">This {name(blockType)} cannot be drawn. Its data:</p>
      <pre className="tsr-pre">{typeof data === "string" ? data : writeJson(data)}</pre>
    </div>
  );
});

function name(blockType: string): string {
  return blockType === "entity_ref" ? "list of items" : blockType.replaceAll("_", " ") || "block";
}
