import { common, createLowlight } from "lowlight";

/** A part of code. `className` has highlight.js' names. */
export interface Segment {
  readonly text: string;
  readonly className: string | undefined;
}

const lowlight = createLowlight(common);

/** The parts of `code`; undefined if the language is not known. Loaded lazily, because it is large. */
export function highlight(code: string, language: string): readonly Segment[] | undefined {
  const name = language.toLowerCase();
  if (!lowlight.registered(name)) return undefined;
  const segments: Segment[] = [];
  const add = (node: unknown, className: string | undefined): void => {
    const { type, value, children, properties } = node as {
      readonly type: string;
      readonly value?: string;
      readonly children?: readonly unknown[];
      readonly properties?: { readonly className?: readonly string[] };
    };
    if (type === "text") segments.push({ text: value ?? "", className });
    for (const child of children ?? []) add(child, properties?.className?.join(" ") ?? className);
  };
  add(lowlight.highlight(name, code), undefined);
  return segments;
}
