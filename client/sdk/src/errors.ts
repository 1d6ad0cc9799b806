import type { ErrorCode } from "./generated/protocol.js";

/**
 * Errors that this library detects:
 *
 * - `invalid_argument`: an id is not a UUID; nothing was sent.
 * - `offline`: there is no connection; nothing was sent. Retryable, unless the connection is closed for good.
 * - `disconnected`: the connection was lost during a `forget`, or why the connection is `waiting`.
 * - `lost`: the server no longer has the answer of a request. What the request has done is not known.
 * - `closed`: the connection was closed for good, by the application or by the server (`closeCode` says why).
 * - `too_many_devices`: as many devices of the account are connected (`closeCode` 4511) or known (4512) as may be. Call `retry` when
 *   the person has closed or revoked one.
 * - `connection_failed`: the connection could not be established; the library tries again.
 * - `token_unavailable`: `getToken` returned no token.
 * - `token_refused`: the server refused the token, and `getToken` returned no different one.
 * - `too_large`: the frame is larger than the server accepts.
 * - `timeout`: the server did not answer within ten seconds, or `ready` had no session in time (`cause` says why).
 * - `bad_frame`: the server sent an invalid frame, which was ignored.
 * - `tool_failed`: one of the application's tools, or `approve`, threw an error that is not a `ToolError`.
 * - `cancelled`, `deadline`: the reason of a call's aborted `signal`: it needs no answer any more, or its time has passed.
 * - `store_failed`: the application's store or journal could not be read or written.
 * - `verification_sent`: `register` or `account.nameGuest` needs the code of the mail that was sent to the address.
 * - `network`, `bad_response`: a REST call got no response, or an invalid one.
 */
export type SdkErrorCode =
  | "invalid_argument"
  | "offline"
  | "disconnected"
  | "lost"
  | "closed"
  | "too_many_devices"
  | "connection_failed"
  | "token_unavailable"
  | "token_refused"
  | "too_large"
  | "timeout"
  | "bad_frame"
  | "tool_failed"
  | "cancelled"
  | "deadline"
  | "store_failed"
  | "verification_sent"
  | "network"
  | "bad_response";

/** The code of a REST call's response: `http_502` for a response without a code of the server's own. */
export type RestErrorCode =
  | "bad_credentials"
  | "bad_request"
  | "body_timeout"
  | "body_too_large"
  | "code_refused"
  | "database_unavailable"
  | "email_taken"
  | "email_unavailable"
  | "identity_provider_unavailable"
  | "invalid_body"
  | "invalid_request"
  | "invite_refused"
  | "login_busy"
  | "method_not_allowed"
  | "no_guest"
  | "not_found"
  | "password_refused"
  | "refresh_token_invalid"
  | "refresh_token_reused"
  | "registration_off"
  | "server_not_reached"
  | "token_expired"
  | "unknown_conversation"
  | "unknown_device"
  | "wrong_host"
  | `http_${number}`;

/**
 * The codes of `TesseraError`. A newer server may send a code that is not in this list, so a `switch` needs a `default`.
 */
export type TesseraErrorCode = ErrorCode | SdkErrorCode | RestErrorCode;

/** Optional details of a `TesseraError`. */
export interface ErrorDetails {
  readonly retryable?: boolean;
  readonly text?: string | undefined;
  readonly requestId?: string;
  readonly closeCode?: number;
  readonly status?: number;
  readonly cause?: unknown;
}

/** The error class of this library. `code` is for programs, `message` is a sentence for developers. */
export class TesseraError extends Error {
  override readonly name = "TesseraError";
  readonly code: TesseraErrorCode;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** The server's sentence for the person in their language, if it sent one. */
  readonly text: string | undefined;
  readonly requestId: string | undefined;
  /** The WebSocket's close code, if its end is the reason. */
  readonly closeCode: number | undefined;
  /** The HTTP status, for REST calls. */
  readonly status: number | undefined;

  constructor(code: TesseraErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryable = details.retryable ?? false;
    this.text = details.text;
    this.requestId = details.requestId;
    this.closeCode = details.closeCode;
    this.status = details.status;
  }
}

/** Thrown by the application's tools. The model reads `code` and `message`. Use `not_found` for an unknown id. */
export class ToolError extends Error {
  override readonly name = "ToolError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
