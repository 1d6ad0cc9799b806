// A stand-in for the module `electron` in the main process. The test plays the page, the person and the system: over the
// process's IPC channel it calls the handlers of the page's channels, and gets what is sent to the page.
import { mkdirSync } from "node:fs";
import { WebSocket } from "ws";

globalThis.WebSocket ??= WebSocket; // Electron's own Node.js has it
const environment = process.env;
const userData = environment["STAND_IN_USER_DATA"] ?? "";
mkdirSync(userData, { recursive: true });

const handlers = new Map();
const listeners = new Map();
const appListeners = new Map();
const powerListeners = new Map();

process.on("message", async ({ kind, id, channel, args, foreign }) => {
  const event = { sender: window?.webContents, senderFrame: foreign ? {} : window?.webContents.mainFrame };
  if (kind === "invoke") {
    try {
      process.send({ kind: "result", id, value: await handlers.get(channel)(event, ...args) });
    } catch (error) {
      process.send({ kind: "result", id, error: String(error) });
    }
  } else if (kind === "emit") {
    listeners.get(channel)(event, ...args);
  } else if (kind === "app") {
    appListeners.get(channel)();
  } else if (kind === "power") {
    powerListeners.get(channel)();
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
  on: (event, listener) => appListeners.set(event, listener),
  quit: () => process.exit(0),
  requestSingleInstanceLock: () => environment["STAND_IN_SECOND"] === undefined,
};

export const powerMonitor = { on: (event, listener) => powerListeners.set(event, listener) };

// As with a keychain, what was encrypted can be read only with the same key.
const key = Number(environment["STAND_IN_KEY"] ?? "255");

export const safeStorage = {
  isEncryptionAvailable: () => environment["STAND_IN_KEY"] !== "",
  getSelectedStorageBackend: () => environment["STAND_IN_BACKEND"] ?? "gnome_libsecret",
  encryptString: (text) => Buffer.from(text).map((byte) => byte ^ key),
  decryptString: (sealed) => {
    const text = Buffer.from(sealed)
      .map((byte) => byte ^ key)
      .toString();
    if (!text.startsWith("{")) {
      throw new Error("Error while decrypting the ciphertext provided to safeStorage.decryptString.");
    }
    return text;
  },
};

let window;

export class BrowserWindow {
  constructor({ webPreferences }) {
    window = this;
    const tell = (call) => process.send({ kind: "window", call });
    process.send({ kind: "created", webPreferences });
    this.webContents = {
      mainFrame: {},
      on: () => undefined,
      send: (channel, value) => process.send({ kind: "page", channel, value }),
      setWindowOpenHandler: () => undefined,
    };
    this.isMinimized = () => true;
    this.isFocused = () => false;
    this.isDestroyed = () => false;
    this.restore = () => tell("restore");
    this.focus = () => tell("focus");
    this.flashFrame = () => tell("flash");
    // The page is loaded after the main process has set up its handlers.
    this.loadFile = async (file) => void setTimeout(() => process.send({ kind: "loaded", file }), 50);
  }
}
