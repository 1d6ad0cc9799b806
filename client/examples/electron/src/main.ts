import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Answer, type Approval, connect, type Store, type Tessera, TesseraError } from "@tessera/client";
import { fileStore } from "@tessera/client/node";
import { app, BrowserWindow, dialog, ipcMain, type WebContents } from "electron";
import { Account, deviceId } from "./account.js";
import type { AnswerView } from "./bridge.js";
import { Tasks } from "./tasks.js";

const SOCKET_URL = process.env["TESSERA_CLIENT_URL"] ?? "ws://127.0.0.1:8765/api/v1/ws/device";
const HERE = fileURLToPath(new URL(".", import.meta.url));

function openWindow(): BrowserWindow {
  const window = new BrowserWindow({
    width: 900,
    height: 700,
    webPreferences: {
      preload: join(HERE, "preload.cjs"),
      contextIsolation: true,
      nodeIntegration: false,
      sandbox: true,
    },
  });
  // The page shows text that a model wrote, so it must not open windows or navigate.
  window.webContents.setWindowOpenHandler(() => ({ action: "deny" }));
  window.webContents.on("will-navigate", (event) => event.preventDefault());
  void window.loadFile(join(HERE, "..", "index.html"));
  return window;
}

async function ask(window: BrowserWindow, call: Approval, signal: AbortSignal): Promise<boolean> {
  const deletes = call.verb === "delete";
  const verb = call.verb.charAt(0).toUpperCase() + call.verb.slice(1);
  const { response } = await dialog.showMessageBox(window, {
    type: "question",
    buttons: [deletes ? "Keep" : `Don't ${call.verb}`, verb],
    defaultId: 0,
    cancelId: 0,
    message: `${verb} ${call.verb === "create" ? "a" : "this"} ${call.entity}?${deletes ? " You can't undo this." : ""}`,
    detail: JSON.stringify(call.args, null, 2),
    signal,
  });
  return response === 1;
}

function view({ requestId, snapshot }: Answer): AnswerView {
  const { status, blocks, error } = snapshot;
  return { requestId, status, blocks, error: error?.message ?? null };
}

/** Show `answer` in the page while it streams. */
function show(answer: Answer, page: WebContents): void {
  const send = (): void => {
    if (!page.isDestroyed()) {
      page.send("answer", view(answer));
    }
  };
  answer.subscribe(send);
  send();
}

const RUNNING = "running-requests";

/** The ids of the requests that ran when the app was closed. */
function earlierRequests(store: Store): string[] {
  return JSON.parse(store.getItem(RUNNING) ?? "[]");
}

function serve(tessera: Tessera, account: Account, window: BrowserWindow, store: Store): void {
  const running = new Map<string, Answer>();
  const follow = (answer: Answer, page: WebContents): void => {
    const save = (): void => store.setItem(RUNNING, JSON.stringify([...running.keys()]));
    const ended = (): void => {
      running.delete(answer.requestId);
      // An answer that is cut off by quitting stays in the list.
      if (tessera.state.name !== "closed") {
        save();
      }
    };
    running.set(answer.requestId, answer);
    save();
    answer.done.then(ended, ended);
    show(answer, page);
  };
  ipcMain.handle("login", async (_event, email: string, password: string) => {
    try {
      await account.login(email, password);
    } catch (error) {
      if (error instanceof TesseraError && !error.retryable) {
        return false;
      }
      throw error;
    }
    tessera.retry();
    return true;
  });
  ipcMain.handle("home", (event, message: string) => {
    const answer = tessera.home(message);
    follow(answer, event.sender);
    return answer.requestId;
  });
  ipcMain.on("cancel", (_event, requestId: string) => running.get(requestId)?.cancel());
  const showState = (): void => {
    if (!window.isDestroyed()) {
      window.webContents.send("state", tessera.state.name);
    }
  };
  window.webContents.on("did-finish-load", showState);
  // Answers go on when the app starts again.
  window.webContents.once("did-finish-load", () => {
    for (const requestId of earlierRequests(store)) {
      follow(tessera.request(requestId), window.webContents);
    }
  });
  tessera.on("state", showState);
}

async function start(): Promise<void> {
  const account = new Account();
  const id = await deviceId();
  // The journal of tool calls and the changes that are not sent yet survive a restart here.
  const store = fileStore(join(app.getPath("userData"), "device"));
  const window = openWindow();
  const tessera = connect({
    url: SOCKET_URL,
    deviceId: id,
    store,
    client: { name: "tessera-example", version: app.getVersion(), platform: process.platform },
    getToken: (reason) => account.token(reason),
    tools: { task: new Tasks() },
    approve: (call, { signal }) => ask(window, call, signal),
  });
  serve(tessera, account, window, store);
  app.on("window-all-closed", () => {
    tessera.close();
    app.quit();
  });
}

// Not awaited at the top level, because Electron becomes ready only after this module is loaded.
void app.whenReady().then(start);
