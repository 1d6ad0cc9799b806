"use client";

import { Fragment, type ReactNode } from "react";

/** `text` with its placeholders replaced by elements, such as one around a name of unknown direction. */
export function Filled({
  text,
  values,
}: {
  readonly text: string;
  readonly values: Readonly<Record<string, ReactNode>>;
}) {
  // Every second part is the name of a placeholder.
  return text.split(/\{(\w+)\}/).map((part, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a sentence never move
    <Fragment key={at}>{at % 2 === 0 ? part : values[part]}</Fragment>
  ));
}
