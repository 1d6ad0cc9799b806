/**
 * What to do about a socket that closed:
 * - `retry`: connect again, after a while;
 * - `retry_elsewhere`: the same, but not within the next second;
 * - `new_token`: connect again once there is another token, never with the same;
 * - `stop`: connecting again would end the same way.
 */
export type Remedy = "retry" | "retry_elsewhere" | "new_token" | "stop";

/** How a socket ended; `code` is a WebSocket close code, 1006 when there was none. */
export interface SocketEnd {
  readonly code: number;
  readonly reason: string;
}

const REMEDIES: ReadonlyMap<number, Remedy> = new Map<number, Remedy>([
  [1008, "stop"], // went on sending far over the frame rate
  [1009, "stop"], // a frame too large
  [4001, "retry_elsewhere"], // the server is draining
  [4501, "new_token"], // unauthorized: a server that changed its keys takes a new token
  [4502, "new_token"], // token expired
  [4504, "retry"], // no device_hello in time
]);

/** The remedy for close code `code`. Of the 45xx that the protocol may yet add, none is tried again. */
export function remedyFor(code: number): Remedy {
  return REMEDIES.get(code) ?? (code >= 4500 && code <= 4599 ? "stop" : "retry");
}
