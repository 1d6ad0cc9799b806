// Runs in the sandbox, before the page. It can require only Electron, so the channel names are repeated here.
import electron = require("electron");

import type { Bridge, Update } from "./bridge.js" with { "resolution-mode": "import" };

const { contextBridge, ipcRenderer } = electron;

const bridge: Bridge = {
  start: (listener) => {
    ipcRenderer.on("update", (_event, update: Update) => listener(update));
    ipcRenderer.send("ready");
  },
  login: (email, password) => ipcRenderer.invoke("login", email, password),
  register: (email, password) => ipcRenderer.invoke("register", email, password),
  logout: () => ipcRenderer.invoke("logout"),
  ask: (message) => ipcRenderer.invoke("ask", message),
  renew: () => ipcRenderer.invoke("renew"),
  cancel: (requestId) => ipcRenderer.send("cancel", requestId),
  undo: (requestId) => ipcRenderer.invoke("undo", requestId),
  decide: (callId, decision) => ipcRenderer.send("decide", callId, decision),
  finishTask: (id, done) => ipcRenderer.send("finish-task", id, done),
  reconnect: () => ipcRenderer.send("reconnect"),
};

contextBridge.exposeInMainWorld("tessera", bridge);
