import type { ErrorCode } from "./generated/protocol.js";

/**
 * What goes wrong on this side of the wire.
 *
 * - `invalid_argument`: an id that is no UUID; nothing was sent.
 * - `offline`: asked while not connected; nothing was sent. Retryable, unless the connection is closed for good.
 * - `disconnected`: the connection ended while this was under way. What an agent had changed by then stands.
 * - `closed`: the connection was closed for good, by the application or by the server (`closeCode` says why).
 * - `connection_failed`: no connection could be made; it is tried again.
 * - `token_unavailable`: `getToken` gave none.
 * - `token_refused`: the server does not take the token, and there is no other.
 * - `too_large`: the message is larger than the server reads.
 * - `timeout`: the server did not say within some seconds what became of it.
 * - `bad_frame`: the server sent something that can't be read; it was ignored.
 * - `tool_failed`: one of the application's tools, or `approve`, threw something that is no `ToolError`.
 * - `network`, `bad_response`: a REST call got no answer, or none that can be read.
 */
export type SdkErrorCode =
  | "invalid_argument"
  | "offline"
  | "disconnected"
  | "closed"
  | "connection_failed"
  | "token_unavailable"
  | "token_refused"
  | "too_large"
  | "timeout"
  | "bad_frame"
  | "tool_failed"
  | "network"
  | "bad_response";

/** A code of the protocol, of this library or of a REST call. Others may come from a newer server. */
export type TesseraErrorCode = ErrorCode | SdkErrorCode | (string & {});

/** More about a `TesseraError`, where it is known. */
export interface ErrorDetails {
  readonly retryable?: boolean;
  readonly requestId?: string;
  readonly closeCode?: number;
  readonly status?: number;
  readonly cause?: unknown;
}

/** Every failure of this library. `code` is for programs, `message` a sentence for people. */
export class TesseraError extends Error {
  override readonly name = "TesseraError";
  readonly code: TesseraErrorCode;
  /** Whether the same may succeed later, unchanged. */
  readonly retryable: boolean;
  readonly requestId: string | undefined;
  /** Of the WebSocket, when its end is the reason. */
  readonly closeCode: number | undefined;
  /** Of the HTTP response, for REST calls. */
  readonly status: number | undefined;

  constructor(code: TesseraErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryable = details.retryable ?? false;
    this.requestId = details.requestId;
    this.closeCode = details.closeCode;
    this.status = details.status;
  }
}

/** Thrown by a tool of the application: the model reads `code` and `message`. `not_found` has a meaning of its own. */
export class ToolError extends Error {
  override readonly name = "ToolError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
