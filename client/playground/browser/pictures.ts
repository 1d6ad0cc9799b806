import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";

/** Takes pictures in the light and the dark theme, and saves them in the folder `TESSERA_SCREENSHOTS`. */
export class Pictures {
  private constructor(private readonly folder: string) {}

  /** Returns undefined if `TESSERA_SCREENSHOTS` is not set. */
  static wanted(): Pictures | undefined {
    const folder = process.env["TESSERA_SCREENSHOTS"];
    return folder ? new Pictures(folder) : undefined;
  }

  async ofBlock(page: Page, name: string, block: Locator): Promise<void> {
    await this.#both(page, name, (path) => block.screenshot({ path }));
  }

  /** One picture, in the light theme. */
  async inLight(page: Page, name: string, block: Locator): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await page.emulateMedia({ colorScheme: "light" });
    await block.screenshot({ path: join(this.folder, `${name}.png`) });
  }

  async ofPage(page: Page, name: string): Promise<void> {
    await this.#both(page, name, (path) => page.screenshot({ path }));
  }

  async #both(page: Page, name: string, take: (path: string) => Promise<unknown>): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await take(join(this.folder, `${name}-${colorScheme}.png`));
    }
    await page.emulateMedia({ colorScheme: "light" });
  }
}
