import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Approve, TesseraError } from "../../src/index.js";
import { deferred } from "../deferred.js";
import { DEVICE_ID, entered, ScriptedServer } from "./scripted-server.js";

let server: ScriptedServer;

beforeEach(async () => {
  server = await ScriptedServer.open();
});

afterEach(() => server.close());

const CALL = DEVICE_ID.replace(/1$/, "c");
const request = (fields: object = {}): object => ({
  call_id: CALL,
  request_id: DEVICE_ID,
  tool: "delete_task",
  args: { id: "t1" },
  expires_ms: 60_000,
  ...fields,
});

describe("an approval for another device", () => {
  test("is announced as a feature only if the application can ask", async () => {
    server.connect();
    expect((await (await server.next()).greet())["features"]).not.toContain("approvals");
    server.connect({ approve: () => true });
    expect((await (await server.next()).greet())["features"]).toContain("approvals");
  });

  test.each<[string, Approve, object]>([
    ["approves", () => true, { approved: true }],
    ["refuses", () => false, { approved: false }],
    ["edits", () => ({ args: { id: "t1", data: {} } }), { approved: true, edited_args: { id: "t1", data: {} } }],
    ["answers nonsense", (() => "yes") as unknown as Approve, { approved: false }],
  ])("is sent when the person %s", async (_, decide, answer) => {
    const approve = vi.fn<Approve>(decide);
    const { peer } = await server.online({ approve });
    peer.say("approval_request", request());
    expect(await peer.hear("approval")).toEqual({ type: "approval", call_id: CALL, ...answer });
    expect(approve.mock.calls[0]?.[0]).toMatchObject({
      tool: "delete_task",
      verb: "delete",
      entity: "task",
      args: { id: "t1" },
      otherDevice: true,
      undoable: false,
    });
  });

  test("is withdrawn when another device has answered", async () => {
    const asked = deferred<AbortSignal>();
    const decision = deferred<boolean>();
    const { peer } = await server.online({
      approve: (_call, { signal }) => {
        asked.resolve(signal);
        return decision.promise;
      },
      tools: { task: { list: () => ({ items: [] }) } },
    });
    peer.say("approval_request", request());
    const signal = await asked.promise;
    const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
    peer.say("approval_closed", { call_id: CALL, outcome: "approved" });
    await aborted;
    decision.resolve(true);
    peer.say("tool_call", { ...request({ call_id: DEVICE_ID, tool: "list_tasks" }), deadline_ms: 1000 });
    await peer.hear("tool_result"); // and no `approval` before it
  });

  test("expires", async () => {
    const asked = deferred<AbortSignal>();
    const { peer } = await server.online({
      approve: (_call, { signal }) => {
        asked.resolve(signal);
        return new Promise(() => undefined);
      },
    });
    peer.say("approval_request", request({ expires_ms: 1 }));
    const signal = await asked.promise;
    if (!signal.aborted) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    }
    expect(signal.reason).toMatchObject({ code: "deadline" });
  });

  test("that is given without a connection is sent after the next one, and is asked once", async () => {
    const decision = deferred<boolean>();
    const approve = vi.fn(() => decision.promise);
    const { client, peer } = await server.online({ approve });
    peer.say("approval_request", request());
    await vi.waitFor(() => expect(approve).toHaveBeenCalled());
    const waiting = entered(client, "waiting");
    peer.vanish();
    await waiting;
    decision.resolve(true);
    await decision.promise;
    client.retry();
    const next = await server.next();
    await next.greet({ resume: "resumed" });
    next.say("approval_request", request());
    expect(await next.hear("approval")).toEqual({ type: "approval", call_id: CALL, approved: true });
    expect(approve).toHaveBeenCalledOnce();
  });

  test("whose session has ended is asked again", async () => {
    const signals: AbortSignal[] = [];
    const approve: Approve = (_call, { signal }) => {
      signals.push(signal);
      return new Promise(() => undefined);
    };
    const { client, peer } = await server.online({ approve });
    peer.say("approval_request", request());
    await vi.waitFor(() => expect(signals).toHaveLength(1));
    const waiting = entered(client, "waiting");
    peer.vanish();
    await waiting;
    client.retry();
    const next = await server.next();
    await next.greet({ resume: "lost" });
    next.say("approval_request", request());
    await vi.waitFor(() => expect(signals).toHaveLength(2));
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  });

  test("whose question fails is reported and not answered", async () => {
    const { client, peer } = await server.online({ approve: () => Promise.reject(new Error("no window")) });
    const reported = new Promise<TesseraError>((resolve) => client.on("error", resolve));
    peer.say("approval_request", request());
    expect(await reported).toMatchObject({ code: "tool_failed", cause: { message: "no window" } });
    expect(peer.unheard).toBe(0);
  });
});
