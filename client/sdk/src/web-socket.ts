/** As much of the WebSocket interface as is used here: a browser's, Electron's, Node's, or that of the `ws` package. */
export interface WebSocketLike {
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { code: number; reason: string }) => void): void;
  addEventListener(type: "error", listener: (event: { message?: string }) => void): void;
}

export type WebSocketConstructor = new (url: string) => WebSocketLike;

/** The platform's WebSocket. Throws where there is none and none was passed in. */
export function platformWebSocket(): WebSocketConstructor {
  const found = (globalThis as { WebSocket?: unknown }).WebSocket;
  if (typeof found !== "function") {
    throw new TypeError("There is no WebSocket here: pass one in, for example that of the `ws` package.");
  }
  return found as WebSocketConstructor;
}
