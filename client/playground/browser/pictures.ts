import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";

/** Takes pictures and saves them as `NAME-light.png` or `NAME-dark.png` in the folder `TESSERA_SCREENSHOTS`. */
export class Pictures {
  private constructor(private readonly folder: string) {}

  /** Returns undefined if `TESSERA_SCREENSHOTS` is not set. */
  static wanted(): Pictures | undefined {
    const folder = process.env["TESSERA_SCREENSHOTS"];
    return folder ? new Pictures(folder) : undefined;
  }

  /** One picture, in the light theme. */
  async ofBlock(page: Page, name: string, block: Locator): Promise<void> {
    await this.#take(page, "light", (path) => block.screenshot({ path }), name);
  }

  /** The page in the light theme. */
  async ofPage(page: Page, name: string): Promise<void> {
    await this.#take(page, "light", (path) => page.screenshot({ path }), name);
  }

  /** The page in both themes. */
  async ofThemes(page: Page, name: string): Promise<void> {
    await this.#take(page, "dark", (path) => page.screenshot({ path }), name);
    await this.#take(page, "light", (path) => page.screenshot({ path }), name);
  }

  async #take(page: Page, colorScheme: "light" | "dark", take: (path: string) => Promise<unknown>, name: string) {
    await mkdir(this.folder, { recursive: true });
    await page.emulateMedia({ colorScheme });
    await take(join(this.folder, `${name}-${colorScheme}.png`));
    await page.emulateMedia({ colorScheme: "light" });
  }
}
