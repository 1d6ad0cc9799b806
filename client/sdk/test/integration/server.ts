import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

/** The project's Python interpreter, or the one in `TESSERA_CLIENT_TEST_PYTHON`. */
function python(): string {
  const own = join(ROOT, ".venv", "bin", "python");
  return process.env["TESSERA_CLIENT_TEST_PYTHON"] ?? (existsSync(own) ? own : "python3");
}

/** The real server in a separate process, with the demo model and an embedded database. */
export class RunningServer {
  #process: ChildProcessByStdio<null, Readable, Readable> | undefined;
  #log: string[] = [];
  #onLog: (() => void) | undefined;
  #binds: Record<string, string> = { TESSERA_HTTP_BIND: "127.0.0.1:0", TESSERA_WS_BIND: "127.0.0.1:0" };
  wsUrl = "";
  restUrl = "";

  /** Does not start the server. Its files are in `state`. */
  constructor(
    private readonly state: string,
    private readonly settings: Readonly<Record<string, string>>,
  ) {}

  /** Start the server. A restart uses the same addresses. */
  async start(): Promise<void> {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("TESSERA_"));
    const started = spawn(python(), ["-m", "server", "run"], {
      cwd: ROOT,
      env: {
        ...Object.fromEntries(inherited),
        TESSERA_STATE_DIR: this.state,
        TESSERA_DEMO_PACE_S: "0",
        TESSERA_MAX_SIGNUPS_PER_ADDRESS_HOUR: "1000",
        TESSERA_TRUSTED_PROXIES: "127.0.0.1", // a test can say which network address it comes from
        ...this.#binds,
        ...this.settings,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = started;
    process.once("exit", () => started.kill());
    this.#log = [];
    createInterface(started.stderr).on("line", (line) => {
      this.#log.push(line);
      this.#onLog?.();
    });
    for await (const line of createInterface(started.stdout)) {
      this.wsUrl = /device socket\s+(\S+)/.exec(line)?.[1] ?? this.wsUrl;
      this.restUrl = /REST\s+(\S+)/.exec(line)?.[1] ?? this.restUrl;
      if (line.includes("stop ")) {
        this.#binds = { TESSERA_HTTP_BIND: new URL(this.restUrl).host, TESSERA_WS_BIND: new URL(this.wsUrl).host };
        return;
      }
    }
    throw new Error(`the server did not start:\n${this.#log.join("\n")}`);
  }

  /** Wait until the server has logged `event`. */
  async logged(event: string): Promise<void> {
    while (!this.#log.some((line) => line.includes(`"event": "${event}"`))) {
      await new Promise<void>((resolve) => {
        this.#onLog = resolve;
      });
    }
  }

  /** Send SIGTERM, as an operator does. */
  terminate(): void {
    this.#process?.kill("SIGTERM");
  }

  /** Send SIGKILL, and wait until the process has ended. */
  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.stopped();
  }

  /** Wait until the process has ended. */
  async stopped(): Promise<void> {
    if (this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null) {
      await once(this.#process, "exit");
    }
  }

  async end(): Promise<void> {
    this.terminate();
    await this.stopped();
  }
}
