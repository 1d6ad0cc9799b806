import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Exchange, Update, View } from "../src/bridge.js";
import { withDelta } from "../src/delta.js";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

type Message =
  | { readonly kind: "created"; readonly webPreferences: Readonly<Record<string, unknown>> }
  | { readonly kind: "loaded"; readonly file: string }
  | { readonly kind: "result"; readonly id: number; readonly value?: unknown; readonly error?: string }
  | { readonly kind: "page"; readonly channel: string; readonly value: Update }
  | { readonly kind: "window"; readonly call: string };

export interface AppOptions {
  readonly socketUrl: string;
  readonly restUrl: string;
  readonly userData: string;
  /** Settings of the stand-in. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Play the page: the app's updates are read immediately after it loads. Default: true. */
  readonly page?: boolean;
}

/** The compiled main process in its own process, with a stand-in for the module `electron`. */
export class ElectronApp {
  /** All updates that the page got, in order. */
  readonly updates: Update[] = [];
  readonly states: string[] = [];
  /** What the main process did with its window. */
  readonly windowCalls: string[] = [];
  readonly exited: Promise<number>;
  webPreferences: Readonly<Record<string, unknown>> = {};
  /** Called with each update. */
  onUpdate: (update: Update) => void = () => undefined;
  readonly #process: ChildProcess;
  readonly #results = new Map<number, (result: { value?: unknown; error?: string }) => void>();
  readonly #waiting = new Set<() => void>();
  #view: View | undefined;
  #loaded = false;
  #calls = 0;

  constructor({ socketUrl, restUrl, userData, environment = {} }: AppOptions) {
    this.#process = fork(here("../dist/main/main.js"), {
      execArgv: ["--import", here("stand-in/register.mjs")],
      env: {
        ...process.env,
        TESSERA_CLIENT_URL: socketUrl,
        TESSERA_CLIENT_REST_URL: restUrl,
        STAND_IN_USER_DATA: userData,
        ...environment,
      },
    });
    this.#process.on("message", (message) => this.#receive(message as Message));
    this.exited = once(this.#process, "exit").then(([code]) => Number(code));
  }

  static async start(options: AppOptions): Promise<ElectronApp> {
    const app = new ElectronApp(options);
    await app.until(() => app.#loaded);
    if (options.page !== false) {
      app.emit("ready");
      await app.until(() => app.#view !== undefined);
    }
    return app;
  }

  /** What the page shows. */
  get view(): View {
    if (this.#view === undefined) {
      throw new Error("the page has got no view");
    }
    return this.#view;
  }

  get isLoaded(): boolean {
    return this.#loaded;
  }

  /** Call a function of the bridge that has a result, as the page does. */
  async invoke(channel: string, ...args: readonly unknown[]): Promise<unknown> {
    return await this.#call({ kind: "invoke", channel, args });
  }

  /** Like `invoke`, from a frame that is not the page. */
  async invokeFromForeignFrame(channel: string, ...args: readonly unknown[]): Promise<unknown> {
    return await this.#call({ kind: "invoke", channel, args, foreign: true });
  }

  emit(channel: string, ...args: readonly unknown[]): void {
    this.#process.send({ kind: "emit", channel, args });
  }

  /** An event of Electron's `app` or `powerMonitor`. */
  happens(kind: "app" | "power", channel: string): void {
    this.#process.send({ kind, channel });
  }

  /** Wait until `condition` holds. It is checked after each message of the app. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Ask. Returns the request's id. */
  async ask(message: string): Promise<string> {
    const before = this.view.exchanges.length;
    if (JSON.stringify(await this.invoke("ask", message)) !== JSON.stringify({ ok: true })) {
      throw new Error("the message was not sent");
    }
    await this.until(() => this.view.exchanges.length > before);
    return this.view.exchanges.at(-1)?.requestId ?? "";
  }

  exchange(requestId: string): Exchange | undefined {
    return this.#view?.exchanges.find((exchange) => exchange.requestId === requestId);
  }

  status(requestId: string): string | undefined {
    return this.exchange(requestId)?.snapshot.status;
  }

  /** The text of a request's answer. */
  text(requestId: string): string {
    const blocks = this.exchange(requestId)?.snapshot.blocks ?? [];
    return blocks.map((block) => (block.type === "text" ? block.text : "")).join("");
  }

  /** Kill the process, as a crash does. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.exited;
  }

  async #call(message: object): Promise<unknown> {
    this.#calls += 1;
    const id = this.#calls;
    const result = new Promise<{ value?: unknown; error?: string }>((resolve) => this.#results.set(id, resolve));
    this.#process.send({ ...message, id });
    const { value, error } = await result;
    if (error !== undefined) {
      throw new Error(error);
    }
    return value;
  }

  #receive(message: Message): void {
    switch (message.kind) {
      case "created":
        this.webPreferences = message.webPreferences;
        break;
      case "loaded":
        this.#loaded = true;
        break;
      case "result":
        this.#results.get(message.id)?.(message);
        break;
      case "window":
        this.windowCalls.push(message.call);
        break;
      case "page":
        this.#take(message.value);
    }
    for (const wake of [...this.#waiting]) {
      this.#waiting.delete(wake);
      wake();
    }
  }

  #take(update: Update): void {
    this.updates.push(update);
    if (update.type === "view") {
      this.#view = update.view;
    } else if (this.#view !== undefined && update.type === "changed") {
      this.#view = { ...this.#view, ...update.fields };
    } else if (this.#view !== undefined && update.type === "asked") {
      this.#view = { ...this.#view, exchanges: [...this.#view.exchanges, update.exchange] };
    } else if (this.#view !== undefined && update.type === "answer") {
      const { delta, undoable } = update;
      const exchanges = this.#view.exchanges.map((exchange) =>
        exchange.requestId === delta.requestId
          ? { ...exchange, snapshot: withDelta(exchange.snapshot, delta), undoable }
          : exchange,
      );
      this.#view = { ...this.#view, exchanges };
    }
    const { name } = this.#view?.connection ?? {};
    if (name !== undefined && name !== this.states.at(-1)) {
      this.states.push(name);
    }
    this.onUpdate(update);
  }
}

/** A REST server at which every login succeeds, except with the password "wrong". Each refresh token can be used once. */
export class LoginServer {
  /** The paths of the calls, and their bodies. */
  readonly calls: { readonly path: string; readonly body: Readonly<Record<string, unknown>> }[] = [];

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async open(): Promise<LoginServer> {
    const users = new Map<unknown, string>();
    let refreshToken = 0;
    let userId = "";
    const server = createServer(async (request, response) => {
      let sent = "";
      for await (const chunk of request) {
        sent += String(chunk);
      }
      response.setHeader("Content-Type", "application/json");
      const body = JSON.parse(sent || "{}") as Record<string, unknown>;
      const path = request.url ?? "";
      let known = {};
      login.calls.push({ path, body });
      const refuse = (code: string, message: string): void => {
        response.writeHead(401).end(JSON.stringify({ error: { code, message, retryable: false } }));
      };
      if (path.endsWith("/logout")) {
        response.writeHead(204).end();
        return;
      }
      if (body["password"] === "wrong") {
        refuse("bad_credentials", "The address or the password is wrong.");
        return;
      }
      if (path.endsWith("/refresh")) {
        if (body["refresh_token"] !== `refresh ${refreshToken}`) {
          refuse("refresh_token_reused", "It was used before.");
          return;
        }
      } else {
        known = { device_token: `known ${String(body["email"])}` };
        const next = `6f1d3c1e-2a53-4a6e-9d55-0a0d3f9a7b${String(10 + users.size)}`;
        userId = users.get(body["email"]) ?? next;
        users.set(body["email"], userId);
      }
      refreshToken += 1;
      const tokens = { access_token: `token of refresh ${refreshToken}`, refresh_token: `refresh ${refreshToken}` };
      response.end(
        JSON.stringify({ user_id: userId, expires_in: 900, refresh_expires_in: 86_400, ...tokens, ...known }),
      );
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const login = new LoginServer(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return login;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
