import type { WsToolCall, WsToolError, WsToolResult } from "./generated/protocol.js";

/** What a device answers when it did not run a call, or does not know whether it did. */
export const NOT_STARTED: WsToolError = {
  code: "not_started",
  message: "The device has not started this call, and will not.",
};
export const UNKNOWN: WsToolError = {
  code: "unknown",
  message: "The device started this call and does not know whether it was completed.",
};
export const WITHDRAWN: WsToolError = { code: "cancelled", message: "The call was withdrawn or took too long." };
export const JOURNAL_FAILED = {
  code: "journal_failed",
  message: "The device could not note the call, so it did not run it.",
};

/** The result of a call that failed with `error`. */
export function failed(frame: WsToolCall, error: WsToolError): WsToolResult {
  return { type: "tool_result", call_id: frame.call_id, ok: false, error };
}
