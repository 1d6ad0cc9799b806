// Runs in the sandbox, before the page. It can require only Electron, so the channel names are repeated here.
import electron = require("electron");

import type { AnswerView, Bridge, StateName } from "./bridge.js" with { "resolution-mode": "import" };

const { contextBridge, ipcRenderer } = electron;

const bridge: Bridge = {
  login: (email, password) => ipcRenderer.invoke("login", email, password),
  home: (message) => ipcRenderer.invoke("home", message),
  cancel: (requestId) => ipcRenderer.send("cancel", requestId),
  onAnswer: (listener) => {
    ipcRenderer.on("answer", (_event, answer: AnswerView) => listener(answer));
  },
  onState: (listener) => {
    ipcRenderer.on("state", (_event, state: StateName) => listener(state));
  },
};

contextBridge.exposeInMainWorld("tessera", bridge);
