import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { AnswerView } from "../src/bridge.js";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export interface Dialog {
  readonly id: number;
  readonly message: string;
  readonly buttons: readonly string[];
}

type Message =
  | { readonly kind: "loaded" }
  | { readonly kind: "result"; readonly id: number; readonly value: unknown }
  | { readonly kind: "page"; readonly channel: string; readonly value: unknown }
  | ({ readonly kind: "dialog" } & Dialog);

/** The compiled main process in its own process, with a stand-in for the module `electron`. */
export class ElectronApp {
  readonly answers: AnswerView[] = [];
  readonly states: string[] = [];
  readonly dialogs: Dialog[] = [];
  readonly #process: ChildProcess;
  readonly #results = new Map<number, (value: unknown) => void>();
  readonly #waiting = new Set<() => void>();
  #loaded = false;
  #calls = 0;

  private constructor(socketUrl: string, restUrl: string, userData: string) {
    this.#process = fork(here("../dist/main.js"), {
      execArgv: ["--import", here("stand-in/register.mjs")],
      env: {
        ...process.env,
        TESSERA_CLIENT_URL: socketUrl,
        TESSERA_CLIENT_REST_URL: restUrl,
        STAND_IN_USER_DATA: userData,
      },
    });
    this.#process.on("message", (message) => this.#receive(message as Message));
  }

  static async start(socketUrl: string, restUrl: string, userData: string): Promise<ElectronApp> {
    const app = new ElectronApp(socketUrl, restUrl, userData);
    await app.until(() => app.#loaded);
    return app;
  }

  /** Call a function of the bridge, as the page does. */
  async invoke(channel: "login" | "home", ...args: readonly string[]): Promise<unknown> {
    this.#calls += 1;
    const id = this.#calls;
    const result = new Promise((resolve) => this.#results.set(id, resolve));
    this.#process.send({ kind: "invoke", id, channel, args });
    return await result;
  }

  press(dialog: Dialog, button: string): void {
    this.#process.send({ kind: "press", id: dialog.id, response: dialog.buttons.indexOf(button) });
  }

  /** Wait until `condition` holds. It is checked after each message of the app. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** What the page shows of a request. */
  answer(requestId: string): AnswerView | undefined {
    return this.answers.findLast((answer) => answer.requestId === requestId);
  }

  /** The text of a request's answer. */
  text(requestId: string): string {
    const blocks = this.answer(requestId)?.blocks ?? [];
    return blocks.map((block) => (block.type === "text" ? block.text : "")).join("");
  }

  /** Kill the process, as a crash does. */
  async kill(): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }

  #receive(message: Message): void {
    switch (message.kind) {
      case "loaded":
        this.#loaded = true;
        break;
      case "result":
        this.#results.get(message.id)?.(message.value);
        break;
      case "dialog":
        this.dialogs.push(message);
        break;
      case "page":
        if (message.channel === "answer") {
          this.answers.push(message.value as AnswerView);
        } else {
          this.states.push(String(message.value));
        }
    }
    for (const wake of [...this.#waiting]) {
      this.#waiting.delete(wake);
      wake();
    }
  }
}

/** A REST server at which every login succeeds, and each refresh token can be used once. */
export class LoginServer {
  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async open(): Promise<LoginServer> {
    const user_id = "6f1d3c1e-2a53-4a6e-9d55-0a0d3f9a7b09";
    let refreshToken = 0;
    const server = createServer(async (request, response) => {
      let sent = "";
      for await (const chunk of request) {
        sent += String(chunk);
      }
      response.setHeader("Content-Type", "application/json");
      const used = (JSON.parse(sent) as { refresh_token?: string }).refresh_token;
      if (request.url?.endsWith("/refresh") && used !== `refresh ${refreshToken}`) {
        const error = { code: "refresh_token_reused", message: "It was used before.", retryable: false };
        response.writeHead(401).end(JSON.stringify({ error }));
        return;
      }
      refreshToken += 1;
      const tokens = { access_token: `token of refresh ${refreshToken}`, refresh_token: `refresh ${refreshToken}` };
      response.end(JSON.stringify({ user_id, expires_in: 900, refresh_expires_in: 86_400, ...tokens }));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new LoginServer(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
