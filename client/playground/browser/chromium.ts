import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Headless Chromium: the distribution's own, or the one that `CHROMIUM` names. */
export async function launch(): Promise<Browser> {
  const executablePath = process.env["CHROMIUM"] ?? PLACES.find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error(`No Chromium at ${PLACES.join(", ")}; CHROMIUM may name another.`);
  // Chromium's sandbox does not work for root, as whom containers run tests.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return await chromium.launch({ executablePath, args });
}

/** A frame of the device socket, as the browser received it. */
export interface WireFrame {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What a page complained of, violations of its policy among it, and what crossed its sockets. */
export class Watch {
  readonly complaints: string[] = [];
  readonly received: WireFrame[] = [];
  readonly sent: WireFrame[] = [];

  static over(page: Page): Watch {
    const watch = new Watch();
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") watch.complaints.push(message.text());
    });
    page.on("pageerror", (error) => watch.complaints.push(`uncaught: ${error.message}`));
    page.on("websocket", (socket) => {
      socket.on("framereceived", ({ payload }) => watch.received.push(JSON.parse(String(payload))));
      socket.on("framesent", ({ payload }) => watch.sent.push(JSON.parse(String(payload))));
    });
    return watch;
  }

  /** The `data` of the latest block of this type. */
  latest(blockType: string): Record<string, unknown> {
    const frame = this.received.findLast(({ type, block_type }) => type === "stream_block" && block_type === blockType);
    if (frame === undefined) throw new Error(`No ${blockType} came.`);
    return frame["data"] as Record<string, unknown>;
  }
}

interface Finding {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** What axe finds serious or critical on the page as it is now, or in the part of it that `within` selects. */
export async function seriousFindings(page: Page, within = "html"): Promise<string[]> {
  const source = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  // The debugger's evaluation is not bound by the page's policy.
  await page.evaluate(source);
  const findings: Finding[] = await page.evaluate(
    `axe.run(${JSON.stringify(within)}).then((results) => results.violations)`,
  );
  return findings
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("\n")}`,
    );
}
