import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type Decision, type Store, TesseraError } from "@tessera/client";
import { fileStore } from "@tessera/client/node";
import { app, ipcMain, powerMonitor } from "electron";
import type { Outcome, View } from "../bridge.js";
import type { PlainError } from "../delta.js";
import { Account } from "./account.js";
import { Session } from "./session.js";
import { AppWindow } from "./window.js";

const DONE: Outcome = { ok: true };
/** The login has ended: only a new one helps. */
const LOGIN_ENDED = new Set(["token_unavailable", "token_refused", "refresh_token_invalid", "refresh_token_reused"]);

/** The app after its start: the window, the account and the session of the person who is logged in. */
class App {
  readonly #window = new AppWindow();
  readonly #deviceId: string;
  readonly #account: Account;
  #session: Session | undefined;
  #ended: PlainError | null = null;

  constructor(store: Store) {
    this.#deviceId = installationId(store);
    this.#account = new Account(store, this.#deviceId);
    this.#open();
    this.#serve();
    // Timers stand still while the machine sleeps, so a wait can be over long ago.
    powerMonitor.on("resume", () => this.#session?.reconnect());
  }

  show(): void {
    this.#window.show();
  }

  close(): void {
    this.#session?.close();
  }

  #open(): void {
    const { person } = this.#account;
    this.#session?.close();
    this.#session =
      person &&
      new Session({
        person,
        account: this.#account,
        deviceId: this.#deviceId,
        tell: (update) => this.#window.tell(update),
        onQuestion: () => this.#window.attract(),
        onClosed: (connection) => {
          if (connection.name === "closed" && LOGIN_ENDED.has(connection.error?.code ?? "")) {
            this.#signOut(connection.error);
          }
        },
      });
  }

  #signOut(error: PlainError | null): void {
    const session = this.#session;
    this.#session = undefined;
    session?.close();
    this.#ended = error;
    this.#tellAll();
  }

  #tellAll(): void {
    const signedOut = { connection: { name: "signed_out", error: this.#ended }, exchanges: [], questions: [] } as const;
    const view: View = {
      email: this.#session === undefined ? null : (this.#account.person?.email ?? null),
      keepsLogin: this.#account.isKept,
      ...(this.#session?.view ?? { ...signedOut, tasks: [], unsent: 0 }),
    };
    this.#window.tell({ type: "view", view });
  }

  async #enter(how: "login" | "register", email: string, password: string): Promise<Outcome> {
    try {
      await this.#account.enter(how, email, password);
    } catch (error) {
      if (error instanceof TesseraError) {
        return { ok: false, message: error.text ?? error.message };
      }
      throw error;
    }
    this.#ended = null;
    this.#open();
    this.#tellAll();
    return DONE;
  }

  #serve(): void {
    // A page that a fault has let in gets nothing, and arguments are checked: the page shows what a model wrote.
    const on = (channel: string, listener: (...args: unknown[]) => void): void => {
      ipcMain.on(channel, (event, ...args: unknown[]) => {
        if (this.#window.sent(event)) {
          listener(...args);
        }
      });
    };
    const handle = (channel: string, handler: (...args: unknown[]) => unknown): void =>
      ipcMain.handle(channel, (event, ...args: unknown[]) => {
        if (!this.#window.sent(event)) {
          throw new TypeError("This page may not call the main process.");
        }
        return handler(...args);
      });
    on("ready", () => this.#tellAll());
    handle("login", (email, password) => this.#enter("login", text(email), text(password)));
    handle("register", (email, password) => this.#enter("register", text(email), text(password)));
    handle("logout", async () => {
      this.#signOut(null);
      await this.#account.logout();
    });
    handle("ask", (message): Outcome => {
      const sent = this.#session?.ask(text(message)) ?? false;
      return sent ? DONE : { ok: false, message: "There is no connection. Your message was not sent." };
    });
    handle("renew", () => {
      this.#session?.renew();
      this.#tellAll();
    });
    handle("undo", (requestId) => this.#session?.undo(text(requestId)) ?? 0);
    on("cancel", (requestId) => this.#session?.cancel(text(requestId)));
    on("decide", (callId, decision) => this.#session?.decide(text(callId), checked(decision)));
    on("finish-task", (id, done) => this.#session?.finishTask(text(id), done === true));
    on("reconnect", () => this.#session?.reconnect());
  }
}

function text(value: unknown): string {
  if (typeof value !== "string") {
    throw new TypeError("The argument must be a string.");
  }
  return value;
}

/** Whatever is not a clear yes, or edited arguments, is a no. */
function checked(decision: unknown): Decision {
  const args = (decision as { readonly args?: unknown } | null)?.args;
  return typeof args === "object" && args !== null ? { args: args as Record<string, unknown> } : decision === true;
}

/** The id of this installation, created at its first start. */
function installationId(store: Store): string {
  const id = store.getItem("device-id") ?? randomUUID();
  store.setItem("device-id", id);
  return id;
}

function start(): void {
  const running = new App(fileStore(join(app.getPath("userData"), "device")));
  app.on("second-instance", () => running.show());
  app.on("window-all-closed", () => {
    running.close();
    app.quit();
  });
}

// A second instance would use the same device id and files: the server would close the first one's connection.
if (app.requestSingleInstanceLock()) {
  // Not awaited at the top level, because Electron becomes ready only after this module is loaded.
  void app.whenReady().then(start);
} else {
  app.quit();
}
