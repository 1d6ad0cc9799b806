import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import type { WsLocale } from "../../src/index.js";
import { Application, Disk, type Message } from "./application.js";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const CASES = join(ROOT, "docs", "protocol", "conformance", "cases");

/** What this adapter and the SDK can do. */
export const CAN = [
  "block_open",
  "ledger",
  "changes",
  "approvals",
  "approval_edits",
  "tool_events",
  "popup",
  "watch",
  "attach",
  "forget",
  "forget_preview",
  "locale",
  "auth_refresh",
  "restart",
];

export interface Verdict {
  readonly case: string;
  readonly outcome: "passed" | "failed" | "skipped";
  readonly problem: string;
}

/** The names of all cases. */
export function caseNames(): string[] {
  return readdirSync(CASES).flatMap((file) => {
    const { cases } = JSON.parse(readFileSync(join(CASES, file), "utf8")) as { cases: { name: string }[] };
    return cases.map(({ name }) => name);
  });
}

/** The runner of the kit in its own process. */
export class Runner {
  private constructor(
    private readonly process: ChildProcess,
    readonly control: string,
  ) {}

  static async start(): Promise<Runner> {
    const own = join(ROOT, ".venv", "bin", "python");
    const python = process.env["TESSERA_CLIENT_TEST_PYTHON"] ?? (existsSync(own) ? own : "python3");
    const started = spawn(python, ["-m", "client.conformance", "--serve", "--patience", "25"], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "inherit"],
    });
    for await (const line of createInterface(started.stdout)) {
      const [, control] = /^control (\S+)$/.exec(line) ?? [];
      if (control !== undefined) {
        started.stdout.resume();
        return new Runner(started, control);
      }
    }
    throw new Error("the runner did not start");
  }

  stop(): void {
    this.process.kill();
  }

  /** Play one case with the SDK. */
  play(name: string): Promise<Verdict> {
    return new Promise((resolve, reject) => {
      const control = new WebSocket(`${this.control}?case=${name}`);
      const disk = new Disk();
      let begun: Message | undefined;
      let application: Application | undefined;
      let verdict: Verdict | undefined;
      let locale: WsLocale | undefined;
      const say = (message: object): void => control.send(JSON.stringify(message));
      const act = (action: Message): void => {
        if (action["do"] === "travel") {
          locale = action["locale"] as WsLocale;
          if (application !== undefined) {
            application.locale = locale;
          }
        } else if (begun !== undefined && (action["do"] === "connect" || action["do"] === "restart")) {
          application?.kill();
          application = new Application(begun, disk, locale);
        } else {
          application?.act(action);
        }
      };
      control.on("open", () => say({ type: "adapter", name: "TypeScript SDK", can: CAN }));
      control.on("error", reject);
      control.on("close", () => {
        application?.kill();
        if (verdict === undefined) {
          reject(new Error(`the runner has no case ${name}`));
        } else {
          resolve(verdict);
        }
      });
      control.on("message", (data) => {
        const message = JSON.parse(String(data)) as Message;
        switch (message.type) {
          case "case":
            begun = message;
            break;
          case "do":
            try {
              act(message);
              say({ type: "done" });
            } catch (error) {
              say({ type: "failed", message: String(error) });
            }
            break;
          case "show":
            say({ type: "state", state: application?.state() });
            break;
          case "verdict":
            verdict = message as unknown as Verdict;
        }
      });
    });
  }
}
