import { createContext, type ReactNode, useContext, useMemo, useState } from "react";
import type { EntityItem, EntityName } from "./data/entities.js";

/** What an application may tell the blocks. Everything is optional. */
export interface BlockOptions {
  /** BCP 47; the browser's own where unset. */
  readonly locale?: string | undefined;
  /** Epoch milliseconds that count as now; the time of the first render where unset. */
  readonly now?: number | undefined;
  /** Makes the titles of items buttons that open them. */
  readonly onOpenItem?: ((entity: EntityName, item: EntityItem) => void) | undefined;
  /** What a project is called, to show instead of nothing. */
  readonly projectName?: ((id: string) => string | undefined) | undefined;
  /** Told of a block that could not be drawn; the fallback is shown either way. */
  readonly onBlockError?: ((error: unknown, blockType: string) => void) | undefined;
}

const OptionsContext = createContext<BlockOptions>({});

/** Gives `options` to every block below. */
export function BlockOptionsProvider({ children, ...given }: BlockOptions & { readonly children: ReactNode }) {
  const { locale, now, onOpenItem, projectName, onBlockError } = given;
  const options = useMemo(
    () => ({ locale, now, onOpenItem, projectName, onBlockError }),
    [locale, now, onOpenItem, projectName, onBlockError],
  );
  return <OptionsContext.Provider value={options}>{children}</OptionsContext.Provider>;
}

/** The options in force, with a `now` that does not change from one render to the next. */
export function useBlockOptions(): BlockOptions & { readonly now: number } {
  const options = useContext(OptionsContext);
  const [mounted] = useState(() => Date.now());
  return { ...options, now: options.now ?? mounted };
}
