import type { DayForm } from "@tessera/client";
import { createContext, type ReactNode, useContext, useMemo, useState } from "react";
import type { EntityItem, EntityName } from "./data/entities.js";

/** Options of an application for the blocks. All are optional. */
export interface BlockOptions {
  /** A BCP 47 language tag. Default: the browser's language. */
  readonly locale?: string | undefined;
  /** The current time in epoch milliseconds. Default: the time of the first render. */
  readonly now?: number | undefined;
  /** How the application stores calendar days, as in `connect`. Default: `date`. */
  readonly dates?: DayForm | undefined;
  /** Opens an item. If set, the titles of items are buttons that call it. */
  readonly onOpenItem?: ((entity: EntityName, item: EntityItem) => void) | undefined;
  /** Returns the name of a project, to show it with its items. */
  readonly projectName?: ((id: string) => string | undefined) | undefined;
  /** Called for a block that cannot be drawn. The fallback is shown in any case. */
  readonly onBlockError?: ((error: unknown, blockType: string) => void) | undefined;
}

const OptionsContext = createContext<BlockOptions>({});

/** Provides `options` to all blocks below it. */
export function BlockOptionsProvider({ children, ...given }: BlockOptions & { readonly children: ReactNode }) {
  const { locale, now, dates, onOpenItem, projectName, onBlockError } = given;
  const options = useMemo(
    () => ({ locale, now, dates, onOpenItem, projectName, onBlockError }),
    [locale, now, dates, onOpenItem, projectName, onBlockError],
  );
  return <OptionsContext.Provider value={options}>{children}</OptionsContext.Provider>;
}

/** The current options. `now` does not change between renders. */
export function useBlockOptions(): BlockOptions & { readonly now: number } {
  const options = useContext(OptionsContext);
  const [mounted] = useState(() => Date.now());
  return { ...options, now: options.now ?? mounted };
}
