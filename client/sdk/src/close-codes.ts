/**
 * What to do after a socket closed:
 * - `retry`: connect again after the backoff;
 * - `retry_elsewhere`: the same, but after the time that the draining server named, or at the earliest after one second;
 * - `retry_later`: the same, but at the earliest after one second;
 * - `new_token`: connect again with a different token, never with the same one;
 * - `stop`: do not connect again, because the result would be the same.
 */
export type Remedy = "retry" | "retry_elsewhere" | "retry_later" | "new_token" | "stop";

/** How a socket ended. `code` is the WebSocket close code, or 1006 if there was none. */
export interface SocketEnd {
  readonly code: number;
  readonly reason: string;
  /** The client gave the socket up, because the server did not answer a ping. */
  readonly halfOpen?: boolean;
}

const REMEDIES: ReadonlyMap<number, Remedy> = new Map<number, Remedy>([
  [1008, "stop"], // the device kept sending far too many frames
  [1009, "stop"], // a frame was too large
  [1013, "retry_later"], // the server is busy, or its database is away
  [4001, "retry_elsewhere"], // the server is draining
  [4501, "new_token"], // unauthorized: a server that changed its keys accepts a new token
  [4502, "new_token"], // token expired
  [4504, "retry"], // device_hello did not arrive in time
]);

/** Why the connection is closed for good after close code `code`. */
export function stopCode(code: number): "closed" | "too_many_devices" {
  return code === 4511 || code === 4512 ? "too_many_devices" : "closed";
}

/** The remedy for close code `code`. Unknown 45xx codes of a newer protocol mean `stop`. */
export function remedyFor(code: number): Remedy {
  return REMEDIES.get(code) ?? (code >= 4500 && code <= 4599 ? "stop" : "retry");
}
