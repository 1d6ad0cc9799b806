import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Start headless Chromium: the distribution's, or the one in `CHROMIUM`. */
export async function launch(): Promise<Browser> {
  const executablePath = process.env["CHROMIUM"] ?? PLACES.find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error(`No Chromium at ${PLACES.join(", ")}; CHROMIUM may name another.`);
  // Chromium's sandbox does not work for root, which is the user in many containers.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return await chromium.launch({ executablePath, args });
}

/** A frame of the device socket, as the browser received it. */
export interface WireFrame {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The errors of a page, including violations of its Content-Security-Policy, and the frames of its sockets. */
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

/** The serious and critical findings of axe on the current page, or in the part that `within` selects. */
export async function seriousFindings(page: Page, within = "html"): Promise<string[]> {
  const source = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  // The page's Content-Security-Policy does not apply to code that the debugger evaluates.
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
