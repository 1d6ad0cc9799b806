/** The part of the WebSocket interface that the SDK uses. Browsers, Electron, Node.js and the `ws` package have it. */
export interface WebSocketLike {
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { code: number; reason: string }) => void): void;
  addEventListener(type: "error", listener: (event: { message?: string }) => void): void;
}

export type WebSocketConstructor = new (url: string) => WebSocketLike;

/** The platform's WebSocket class. Throws if there is none. */
export function platformWebSocket(): WebSocketConstructor {
  const found = (globalThis as { WebSocket?: unknown }).WebSocket;
  if (typeof found !== "function") {
    throw new TypeError("This platform has no WebSocket. Pass one to `connect`, for example that of the `ws` package.");
  }
  return found as WebSocketConstructor;
}

/** The URL of a device socket. Throws if it is not a URL, or its scheme is not `ws` or `wss`. */
export function checkedUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new TypeError("The URL of the device socket is not a URL. It must begin with ws:// or wss://.", { cause });
  }
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new TypeError(`The URL of the device socket must begin with ws:// or wss://, not with ${url.protocol}//.`);
  }
  return url.href;
}
