"use client";

import type { DayForm } from "@tessera/client";
import { createContext, type ReactNode, useContext, useMemo } from "react";
import type { EntityItem, EntityName } from "./data/entities.js";
import { useNow } from "./data/now.js";
import { en } from "./wording/en.js";
import type { Wording } from "./wording/wording.js";

/** Options of an application for the blocks. All are optional. */
export interface BlockOptions {
  /**
   * A BCP 47 language tag, for numbers and dates. Default: the browser's language, or the language of `wording` if the
   * browser has another one.
   */
  readonly locale?: string | undefined;
  /** The sentences of the components: `en` (the default), `de`, `fr`, `es`, `ja`, `ar` of this package, or your own. */
  readonly wording?: Wording | undefined;
  /** The person's IANA time zone. Default: the browser's. Pass the one that `connect` gets in `locale`. */
  readonly timeZone?: string | undefined;
  /** The current time in epoch milliseconds. Default: the time of the first render, then of each local midnight. */
  readonly now?: number | undefined;
  /** How the application stores calendar days, as in `connect`. Default: `date`. */
  readonly dates?: DayForm | undefined;
  /** Opens an item. If set, the titles of items are buttons that call it. */
  readonly onOpenItem?: ((entity: EntityName, item: EntityItem) => void) | undefined;
  /** Returns the name of a project, to show it with its items. */
  readonly projectName?: ((id: string) => string | undefined) | undefined;
  /** Returns the name of an item, to ask about it by name in approvals. */
  readonly itemName?: ((entity: EntityName, id: string) => string | undefined) | undefined;
  /** Called for a block that cannot be drawn. The fallback is shown in any case. */
  readonly onBlockError?: ((error: unknown, blockType: string) => void) | undefined;
}

const OptionsContext = createContext<BlockOptions>({});

/** Provides `options` to all blocks below it. */
export function BlockOptionsProvider({ children, ...given }: BlockOptions & { readonly children: ReactNode }) {
  const { locale, wording, timeZone, now, dates, onOpenItem, projectName, itemName, onBlockError } = given;
  const options = useMemo(
    () => ({
      locale,
      wording,
      timeZone: knownZone(timeZone),
      now,
      dates,
      onOpenItem,
      projectName,
      itemName,
      onBlockError,
    }),
    [locale, wording, timeZone, now, dates, onOpenItem, projectName, itemName, onBlockError],
  );
  return <OptionsContext.Provider value={options}>{children}</OptionsContext.Provider>;
}

/** The options with their defaults. `now` changes at local midnight, so that a task gets late without a reload. */
export function useBlockOptions(): BlockOptions & { readonly now: number; readonly wording: Wording } {
  const { locale, wording, now, ...options } = useContext(OptionsContext);
  const today = useNow(now, options.timeZone);
  return { ...options, locale: locale ?? localeOf(wording), wording: wording ?? en, now: today };
}

/**
 * The direction of a block: that of the given wording. Without one, the page decides, so that an English default does not
 * turn a block of an Arabic page.
 */
export function useDirection(): "ltr" | "rtl" | undefined {
  return useContext(OptionsContext).wording?.direction;
}

/** `timeZone` if the browser knows it: an unknown zone must not break the answer. */
function knownZone(timeZone: string | undefined): string | undefined {
  try {
    return new Intl.DateTimeFormat("en", timeZone === undefined ? {} : { timeZone }) && timeZone;
  } catch {
    return undefined;
  }
}

/** The locale of the numbers and dates for this wording; undefined for the browser's. */
function localeOf(wording: Wording | undefined): string | undefined {
  if (wording === undefined) return undefined;
  const [spoken] = wording.language.split("-");
  const browser = globalThis.navigator?.language;
  return browser !== undefined && browser.split("-")[0] === spoken ? browser : wording.language;
}
