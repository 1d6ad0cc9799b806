import { expect, test } from "vitest";
import { remedyFor } from "../../src/close-codes.js";

test.each([
  [4000, "retry"],
  [4001, "retry_elsewhere"],
  [4008, "retry"],
  [4500, "stop"],
  [4501, "new_token"],
  [4502, "new_token"],
  [4503, "stop"],
  [4504, "retry"],
  [4510, "stop"],
  [1008, "stop"],
  [1009, "stop"],
  [1011, "retry"],
  [1000, "retry"],
  [1001, "retry"],
  [1005, "retry"],
  [1006, "retry"],
  [1012, "retry"],
  [1013, "retry_later"],
  // Future codes of the protocol follow their range.
  [4042, "retry"],
  [4599, "stop"],
  [4600, "retry"],
] as const)("a socket closed with %i: %s", (code, remedy) => {
  expect(remedyFor(code)).toBe(remedy);
});
