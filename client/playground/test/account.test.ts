// @vitest-environment jsdom
import { beforeEach, expect, it } from "vitest";
import { clearTab, type RestClient, signIn, storeAccount } from "../src/session/account.js";

const PASSWORD = "nine plain otters";
let sent: unknown[][];

/** A REST client that records its calls. */
const api = {
  register: async (...args: unknown[]) => answer(args),
  login: async (...args: unknown[]) => answer(args),
} as unknown as RestClient;

function answer(args: unknown[]): object {
  sent.push(args);
  return { userId: "u1", accessToken: "access", refreshToken: "refresh", deviceToken: `known ${sent.length}` };
}

beforeEach(() => {
  sent = [];
  localStorage.clear();
  sessionStorage.clear();
});

it("stores the refresh token and never the password", async () => {
  const account = await signIn(api, "ann@example.com", PASSWORD, false);
  storeAccount(account);
  const stored = JSON.stringify([{ ...sessionStorage }, { ...localStorage }, account]);
  expect(account.refreshToken).toBe("refresh");
  expect(stored).not.toContain(PASSWORD);
});

it("says after a sign-out that this browser has logged in before, and keeps no address", async () => {
  storeAccount(await signIn(api, "ann@example.com", PASSWORD, true));
  clearTab();
  expect(JSON.stringify([{ ...sessionStorage }, { ...localStorage }])).not.toContain("ann@example.com");
  await signIn(api, "ann@example.com", PASSWORD, false);
  expect(sent[1]).toEqual(["ann@example.com", PASSWORD, { deviceToken: "known 1" }]);
});
