import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const ROOT = resolve(import.meta.dirname, "../../..");
const PYTHON = process.env["TESSERA_CLIENT_TEST_PYTHON"] ?? join(ROOT, ".venv/bin/python");

/** The real server with its demo model and its embedded database. A restart uses the same ports. */
export class Server {
  #process: ChildProcess | undefined;
  #log = "";

  private constructor(
    private readonly folder: string,
    private readonly environment: Readonly<Record<string, string>>,
    readonly url: string,
  ) {}

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<Server> {
    // If the test runs as root, PostgreSQL runs as another user, which must be able to enter the folder.
    const folder = await mkdtemp(join(tmpdir(), "tessera-"));
    await chmod(folder, 0o755);
    const [http, ws] = [await freePort(), await freePort()];
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("TESSERA_"));
    const environment = {
      ...Object.fromEntries(inherited.map(([name, value]) => [name, value ?? ""])),
      TESSERA_STATE_DIR: join(folder, "state"),
      TESSERA_HTTP_BIND: `127.0.0.1:${http}`,
      TESSERA_WS_BIND: `127.0.0.1:${ws}`,
      ...settings,
    };
    const server = new Server(folder, environment, `http://127.0.0.1:${http}/`);
    await server.up();
    return server;
  }

  async up(): Promise<void> {
    const process = spawn(PYTHON, ["-m", "server", "run"], {
      cwd: ROOT,
      env: this.environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = process;
    process.stderr.on("data", (chunk) => {
      this.#log += chunk;
    });
    for await (const line of createInterface(process.stdout)) {
      if (line.includes("try it")) {
        process.stdout.resume();
        return;
      }
    }
    throw new Error(`The server did not start.\n${this.#log}`);
  }

  /** Stop the server and wait until it has ended. */
  async down(): Promise<void> {
    const process = this.#process;
    if (process === undefined || process.exitCode !== null) return;
    const ended = once(process, "exit");
    process.kill("SIGTERM");
    await ended;
  }

  async remove(): Promise<void> {
    await this.down();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The server's log. */
  get log(): string {
    return this.#log;
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
