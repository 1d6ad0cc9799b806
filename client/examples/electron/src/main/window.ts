import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BrowserWindow, type IpcMainEvent, type IpcMainInvokeEvent } from "electron";
import type { Update } from "../bridge.js";

const DIST = fileURLToPath(new URL("..", import.meta.url));

/** The app's only window, whose page is sandboxed. */
export class AppWindow {
  readonly #window: BrowserWindow;

  constructor() {
    this.#window = new BrowserWindow({
      width: 1000,
      height: 760,
      minWidth: 380,
      minHeight: 480,
      webPreferences: {
        preload: join(DIST, "preload.cjs"),
        contextIsolation: true,
        nodeIntegration: false,
        sandbox: true,
      },
    });
    // The page shows text that a model wrote, so it must not open windows or navigate.
    this.#window.webContents.setWindowOpenHandler(() => ({ action: "deny" }));
    this.#window.webContents.on("will-navigate", (event) => event.preventDefault());
    void this.#window.loadFile(join(DIST, "page", "index.html"));
  }

  tell(update: Update): void {
    if (!this.#window.isDestroyed()) {
      this.#window.webContents.send("update", update);
    }
  }

  /** Whether `event` comes from the page of this window, and not from a frame in it. */
  sent(event: IpcMainEvent | IpcMainInvokeEvent): boolean {
    return event.sender === this.#window.webContents && event.senderFrame === this.#window.webContents.mainFrame;
  }

  /** Bring the window to the front. */
  show(): void {
    if (this.#window.isMinimized()) {
      this.#window.restore();
    }
    this.#window.focus();
  }

  /** Ask for the person's attention, unless the window has it. */
  attract(): void {
    if (!this.#window.isDestroyed() && !this.#window.isFocused()) {
      this.#window.flashFrame(true);
    }
  }
}
