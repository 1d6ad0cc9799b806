"use client";

import { memo } from "react";
import { writeJson } from "../data/json.js";
import { useBlockOptions, useDirection } from "../options.js";
import { blockName, fill } from "../wording/wording.js";

/** The fallback for a block that cannot be drawn: a note and the block's data as text. */
export const RawBlock = memo(function RawBlock({
  blockType,
  data,
}: {
  readonly blockType: string;
  readonly data: unknown;
}) {
  const { wording } = useBlockOptions();
  const direction = useDirection();
  return (
    <div className="tsr-raw" dir={direction}>
      <p className="tsr-muted">{fill(wording.undrawable, { block: blockName(wording, blockType) })}</p>
      <pre className="tsr-pre" dir="auto">
        {typeof data === "string" ? data : writeJson(data)}
      </pre>
    </div>
  );
});
