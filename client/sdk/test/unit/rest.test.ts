import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Rest, rest } from "../../src/index.js";

type Reply = (response: ServerResponse) => void;

let server: Server;
let url: string;
let reply: Reply;
let request: { line: string; authorization: string | undefined; body: string };

beforeEach(async () => {
  server = createServer(async (incoming: IncomingMessage, response) => {
    let body = "";
    for await (const chunk of incoming) {
      body += String(chunk);
    }
    request = { line: `${incoming.method} ${incoming.url}`, authorization: incoming.headers.authorization, body };
    reply(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

const json =
  (status: number, body: unknown): Reply =>
  (response) => {
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  };
const api = (): Rest => rest({ baseUrl: url, getToken: () => "secret" });

test.each(["register", "login"] as const)("%s returns the account and its token", async (name) => {
  reply = json(200, { user_id: "u1", access_token: "t", expires_in: 3600, extra: 1 });
  expect(await api()[name]("ann@example.com", "long enough")).toMatchObject({
    userId: "u1",
    accessToken: "t",
    expiresIn: 3600,
  });
  expect(request).toMatchObject({ line: `POST /api/v1/auth/${name}`, authorization: undefined });
  expect(JSON.parse(request.body)).toEqual({ email: "ann@example.com", password: "long enough" });
});

describe("a login's token source", () => {
  const issued = (at: number, expires_in = 3600) => ({
    user_id: "u1",
    access_token: `access ${at}`,
    expires_in,
    refresh_token: `refresh ${at}`,
    refresh_expires_in: 86_400,
  });

  test("refreshes once for concurrent calls, and each new refresh token is kept", async () => {
    const kept: (string | null)[] = [];
    const client = rest({ baseUrl: url, onRefreshToken: (token) => void kept.push(token) });
    reply = json(200, issued(1));
    const login = await client.login("ann@example.com", "long enough");
    expect([await login.getToken(), login.refreshToken, kept]).toEqual(["access 1", "refresh 1", ["refresh 1"]]);
    reply = json(200, issued(2));
    expect(await Promise.all([login.getToken("expiring"), login.getToken("refused")])).toEqual([
      "access 2",
      "access 2",
    ]);
    expect(request).toMatchObject({ line: "POST /api/v1/auth/refresh", authorization: undefined });
    expect(JSON.parse(request.body)).toEqual({ refresh_token: "refresh 1" });
    expect(kept).toEqual(["refresh 1", "refresh 2"]);
    reply = json(200, { conversations: [] });
    await client.conversations.list();
    expect(request.authorization).toBe("Bearer access 2");
  });

  test("goes on after a restart, refreshes an access token that expires, and ends with the login", async () => {
    const kept: (string | null)[] = [];
    const client = rest({ baseUrl: url, onRefreshToken: (token) => void kept.push(token) });
    const tokens = client.resumeLogin("stored");
    reply = json(200, issued(1, 29));
    expect(await tokens.getToken("connect")).toBe("access 1");
    reply = json(200, issued(2));
    expect(await tokens.getToken()).toBe("access 2");
    reply = json(503, { error: { code: "database_unavailable", message: "Later.", retryable: true } });
    await expect(tokens.getToken("expiring")).rejects.toMatchObject({ retryable: true });
    expect(tokens.refreshToken).toBe("refresh 2");
    reply = json(401, { error: { code: "unauthorized", message: "Log in again.", retryable: false } });
    await expect(tokens.getToken("refused")).rejects.toMatchObject({ code: "unauthorized", retryable: false });
    expect(kept).toEqual(["refresh 1", "refresh 2", null]);
    await expect(tokens.getToken()).rejects.toMatchObject({ code: "token_expired", retryable: false });
  });

  test("of a server without refresh tokens is the access token until it expires", async () => {
    reply = json(200, { user_id: "u1", access_token: "only", expires_in: 5 });
    const login = await rest({ baseUrl: url }).login("ann@example.com", "long enough");
    expect([await login.getToken(), await login.getToken("expiring")]).toEqual(["only", "only"]);
    await expect(login.getToken("refused")).rejects.toMatchObject({ code: "token_expired" });
  });
});

describe("the account", () => {
  const login = async (): Promise<{ client: Rest; kept: (string | null)[] }> => {
    const kept: (string | null)[] = [];
    const client = rest({ baseUrl: url, onRefreshToken: (token) => void kept.push(token) });
    reply = json(200, {
      user_id: "u1",
      access_token: "a",
      expires_in: 3600,
      refresh_token: "r",
      device_token: "known",
    });
    const begun = await client.login("ann@example.com", "long enough", { deviceId: "d1", deviceToken: "old" });
    expect(begun.deviceToken).toBe("known");
    return { client, kept };
  };

  test("a login names the device and the device token of an earlier one", async () => {
    await login();
    expect(JSON.parse(request.body)).toEqual({
      email: "ann@example.com",
      password: "long enough",
      device_id: "d1",
      device_token: "old",
    });
  });

  test.each([
    [200, {}],
    [401, { error: { code: "refresh_token_invalid", message: "It has ended.", retryable: false } }],
  ])("a logout ends the login, also if it has ended already (%s)", async (status, body) => {
    const { client, kept } = await login();
    reply = json(status, body);
    await client.account.logout();
    expect(request.line).toBe("POST /api/v1/auth/logout");
    expect(JSON.parse(request.body)).toEqual({ refresh_token: "r" });
    expect(kept).toEqual(["r", null]);
    await expect(client.account.devices()).rejects.toMatchObject({ code: "token_expired" });
  });

  test("a logout that did not reach the server fails", async () => {
    const { client, kept } = await login();
    reply = json(503, { error: { code: "database_unavailable", message: "Later.", retryable: true } });
    await expect(client.account.logout()).rejects.toMatchObject({ retryable: true });
    expect(kept).toEqual(["r"]);
  });

  test.each([
    ["logoutAll", (api: Rest) => api.account.logoutAll(), "POST /api/v1/auth/logout-all", "", true],
    [
      "changePassword",
      (api: Rest) => api.account.changePassword("old", "new"),
      "POST /api/v1/account/password",
      '{"password":"old","new_password":"new"}',
      false,
    ],
    [
      "nameGuest",
      (api: Rest) => api.account.nameGuest("ann@example.com", "long enough", { invite: "i" }),
      "POST /api/v1/account/address",
      '{"email":"ann@example.com","password":"long enough","invite":"i"}',
      false,
    ],
    ["delete", (api: Rest) => api.account.delete("old"), "DELETE /api/v1/account", '{"password":"old"}', true],
    ["devices", (api: Rest) => api.account.devices(), "GET /api/v1/devices", "", false],
    ["revokeDevice", (api: Rest) => api.account.revokeDevice("a/b"), "DELETE /api/v1/devices/a%2Fb", "", false],
  ])("%s calls with the token", async (_, call, line, body, ends) => {
    const { client, kept } = await login();
    reply = json(200, { devices: [] });
    await call(client);
    expect(request).toMatchObject({ line, body, authorization: "Bearer a" });
    expect(kept).toEqual(ends ? ["r", null] : ["r"]);
  });

  test("a guest whose address is verified is asked for the code, and is named with it", async () => {
    const { client } = await login();
    reply = json(202, { verification: "sent" });
    const name = client.account.nameGuest("ann@example.com", "long enough");
    await expect(name).rejects.toMatchObject({ code: "verification_sent" });
    reply = json(200, { user_id: "u", email: "ann@example.com", device_token: "d" });
    const named = await client.account.nameGuest("ann@example.com", "long enough", { code: "c" });
    expect(named).toEqual({ userId: "u", email: "ann@example.com", deviceToken: "d" });
    expect(JSON.parse(request.body)).toMatchObject({ code: "c" });
  });

  test("a registration whose address is verified asks for the code", async () => {
    reply = json(202, { verification: "sent" });
    const client = rest({ baseUrl: url });
    await expect(client.register("ann@example.com", "long enough", { invite: "i" })).rejects.toMatchObject({
      code: "verification_sent",
      retryable: false,
    });
    expect(JSON.parse(request.body)).toMatchObject({ invite: "i" });
  });
});

test.each([
  ["list", (api: Rest["conversations"]) => api.list(), "GET /api/v1/conversations", ""],
  [
    "list a page",
    (api: Rest["conversations"]) => api.list({ limit: 5, cursor: "a=" }),
    "GET /api/v1/conversations?limit=5&cursor=a%3D",
    "",
  ],
  ["get", (api: Rest["conversations"]) => api.get("a/b c"), "GET /api/v1/conversations/a%2Fb%20c", ""],
  ["get a page", (api: Rest["conversations"]) => api.get("a", { limit: 1 }), "GET /api/v1/conversations/a?limit=1", ""],
  [
    "rename",
    (api: Rest["conversations"]) => api.rename("a", "Garden"),
    "PATCH /api/v1/conversations/a",
    '{"title":"Garden"}',
  ],
  ["forget", (api: Rest["conversations"]) => api.forget("a"), "DELETE /api/v1/conversations/a", ""],
])("conversations: %s calls with the token", async (_, call, line, body) => {
  reply = json(200, { id: "a", title: "Garden" });
  expect(await call(api().conversations)).toEqual({ id: "a", title: "Garden" });
  expect(request).toMatchObject({ line, body, authorization: "Bearer secret" });
});

test.each([
  [
    "previewForget",
    (memory: Rest["memory"]) => memory.previewForget("a/b"),
    "GET /api/v1/memory/items/a%2Fb/forget-preview",
  ],
  ["forget", (memory: Rest["memory"]) => memory.forget("a/b"), "DELETE /api/v1/memory/items/a%2Fb"],
  ["erase", (memory: Rest["memory"]) => memory.erase(), "DELETE /api/v1/memory"],
  ["setPreference", (memory: Rest["memory"]) => memory.setPreference("tone", { a: 1 }), "PUT /api/v1/memory/core/tone"],
  ["removePreference", (memory: Rest["memory"]) => memory.removePreference("t?"), "DELETE /api/v1/memory/core/t%3F"],
])("memory.%s calls with the token", async (_, call, line) => {
  reply = json(200, { id: "a", tiers: ["core"] });
  await call(api().memory);
  expect(request).toMatchObject({ line, authorization: "Bearer secret" });
});

test("a refusal is an error with the server's code and message", async () => {
  reply = json(409, { error: { code: "email_taken", message: "There is one.", retryable: false } });
  await expect(api().register("a@b.c", "x")).rejects.toMatchObject({
    name: "TesseraError",
    code: "email_taken",
    message: "There is one.",
    status: 409,
    retryable: false,
  });
});

test.each([
  [502, true],
  [404, false],
])("one of a proxy, which speaks otherwise, is named by its status %i", async (status, retryable) => {
  reply = (response) => response.writeHead(status).end("<html>");
  await expect(api().login("a@b.c", "x")).rejects.toMatchObject({ code: `http_${status}`, status, retryable });
});

test("an unreachable server is a network error", async () => {
  const gone = api();
  server.close();
  server.closeAllConnections();
  await expect(gone.login("a@b.c", "x")).rejects.toMatchObject({ code: "network", retryable: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});

test("an invalid response is a bad_response error", async () => {
  reply = (response) => response.writeHead(200).end("{");
  await expect(api().login("a@b.c", "x")).rejects.toMatchObject({ code: "bad_response" });
});

test("memory calls need getToken", async () => {
  await expect(rest({ baseUrl: url }).memory.erase()).rejects.toMatchObject({ code: "token_unavailable" });
});

test("an export is parsed line by line, wherever the network splits it", async () => {
  const lines = [
    { tier: "core", id: "1", value: "Zähne 😀" },
    { tier: "episodic", id: "2", unreadable: true },
  ];
  const bytes = Buffer.from(`${lines.map((line) => JSON.stringify(line)).join("\n")}\n`);
  reply = (response) => {
    response.writeHead(200, { "Content-Type": "application/x-ndjson" });
    for (const byte of bytes) {
      response.write(Buffer.of(byte));
    }
    response.end();
  };
  const read = [];
  for await (const line of api().memory.export()) {
    read.push(line);
  }
  expect(read).toEqual(lines);
});

test("an export that breaks off fails", async () => {
  reply = (response) => {
    response.writeHead(200, { "Content-Length": "100" });
    response.write('{"tier":"core","id":"1"}\n{"tier"', () => response.destroy());
  };
  const read: unknown[] = [];
  const loop = async (): Promise<void> => {
    for await (const line of api().memory.export()) {
      read.push(line);
    }
  };
  await expect(loop()).rejects.toMatchObject({ code: "bad_response", retryable: true });
  expect(read.length).toBeLessThanOrEqual(1);
});

test("leaving an export early stops the download", async () => {
  const closed = new Promise<void>((resolve) => {
    reply = (response) => {
      response.on("close", resolve);
      response.writeHead(200);
      response.write('{"tier":"core","id":"1"}\n');
    };
  });
  for await (const line of api().memory.export()) {
    expect(line.id).toBe("1");
    break;
  }
  await closed;
});

test("requests.get returns the request's state", async () => {
  const state = { request_id: "r/1", status: "running", blocks: [], mutations: [] };
  reply = json(200, state);
  expect(await api().requests.get("r/1")).toEqual(state);
  expect(request).toMatchObject({ line: "GET /api/v1/requests/r%2F1", authorization: "Bearer secret" });
});

test("requests.list returns a page of the requests", async () => {
  const page = { requests: [{ request_id: "r1", state: "running", created_at: "2026-11-28T10:00:00Z" }], next: "c2" };
  reply = json(200, page);
  expect(await api().requests.list()).toEqual(page);
  expect(request).toMatchObject({ line: "GET /api/v1/requests", authorization: "Bearer secret" });
  await api().requests.list({ limit: 5, cursor: "c2" });
  expect(request).toMatchObject({ line: "GET /api/v1/requests?limit=5&cursor=c2" });
});

test("requests.cancel cancels the request", async () => {
  reply = json(202, { request_id: "r1" });
  expect(await api().requests.cancel("r1")).toBeUndefined();
  expect(request).toMatchObject({ line: "DELETE /api/v1/requests/r1", authorization: "Bearer secret" });
  reply = json(404, { error: { code: "unknown_request", message: "No such request is running.", retryable: false } });
  await expect(api().requests.cancel("r1")).rejects.toMatchObject({ code: "unknown_request", status: 404 });
});

test("an error has the server's text for the person", async () => {
  const error = { code: "unknown_conversation", message: "No conversation.", retryable: false };
  reply = json(404, { error: { ...error, text: "Diese Unterhaltung gibt es nicht mehr." } });
  await expect(api().conversations.get("a")).rejects.toMatchObject({ text: "Diese Unterhaltung gibt es nicht mehr." });
  reply = json(404, { error });
  await expect(api().conversations.get("a")).rejects.toMatchObject({ text: undefined });
});
