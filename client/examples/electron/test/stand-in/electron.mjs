// A stand-in for the module `electron` in the main process. The test plays the page and the person: over the process's
// IPC channel it invokes handlers, gets what is sent to the page, and presses the buttons of dialogs.
import { mkdirSync } from "node:fs";
import { WebSocket } from "ws";

globalThis.WebSocket ??= WebSocket; // Electron's own Node.js has it
const userData = process.env["STAND_IN_USER_DATA"] ?? "";
mkdirSync(userData, { recursive: true });

const handlers = new Map();
const listeners = new Map();
const dialogs = new Map();
let dialogCount = 0;

process.on("message", async ({ kind, id, channel, args, response }) => {
  const event = { sender: window.webContents };
  if (kind === "invoke") {
    process.send({ kind: "result", id, value: await handlers.get(channel)(event, ...args) });
  } else if (kind === "emit") {
    listeners.get(channel)(event, ...args);
  } else if (kind === "press") {
    dialogs.get(id)({ response });
  }
});

export const ipcMain = {
  handle: (channel, handler) => handlers.set(channel, handler),
  on: (channel, listener) => listeners.set(channel, listener),
};

export const app = {
  getPath: () => userData,
  getVersion: () => "0.1.0",
  whenReady: async () => undefined,
  on: () => undefined,
  quit: () => process.exit(0),
};

export const safeStorage = {
  isEncryptionAvailable: () => true,
  encryptString: (text) => Buffer.from(text).map((byte) => byte ^ 0xff),
  decryptString: (sealed) =>
    Buffer.from(sealed)
      .map((byte) => byte ^ 0xff)
      .toString(),
};

export const dialog = {
  showMessageBox: (_window, { message, buttons, signal, cancelId }) =>
    new Promise((resolve) => {
      dialogCount += 1;
      const id = dialogCount;
      dialogs.set(id, resolve);
      signal.addEventListener("abort", () => resolve({ response: cancelId }));
      process.send({ kind: "dialog", id, message, buttons });
    }),
};

let window;

export class BrowserWindow {
  constructor() {
    window = this;
    const loaded = [];
    this.webContents = {
      on: (event, listener) => event === "did-finish-load" && loaded.push(listener),
      once: (event, listener) => event === "did-finish-load" && loaded.push(listener),
      send: (channel, value) => process.send({ kind: "page", channel, value }),
      isDestroyed: () => false,
      setWindowOpenHandler: () => undefined,
    };
    // The page is loaded after the main process has set up its handlers.
    this.loadFile = async () => {
      setTimeout(() => {
        for (const listener of loaded) {
          listener();
        }
        process.send({ kind: "loaded" });
      }, 50);
    };
  }

  isDestroyed() {
    return false;
  }
}
