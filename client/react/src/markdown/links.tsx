"use client";

import type { ReactNode } from "react";

const SAFE = new Set(["http:", "https:", "mailto:"]);

/** Returns `url` if it is an absolute web or mail address, else an empty string. */
export function safeUrl(url: string): string {
  // Relative addresses are rejected: `URL` throws without a base.
  try {
    return SAFE.has(new URL(url).protocol) ? url : "";
  } catch {
    return "";
  }
}

/** A link that opens in a new tab, or only its text if its address is not safe. */
export function SafeLink({ href, children }: { readonly href: string; readonly children: ReactNode }) {
  const url = safeUrl(href);
  return url ? (
    <a href={url} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  ) : (
    <span>{children}</span>
  );
}
