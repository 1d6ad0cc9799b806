import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type Approval,
  type BlockType,
  rest,
  type ServerFrame,
  type Tessera,
  type TesseraError,
  type TokenReason,
  type WsServerMutation,
} from "../../src/index.js";
import { deferred } from "../deferred.js";
import { RunningServer } from "./server.js";
import { PASSWORD, ServerDevices } from "./server-devices.js";
import { sampleStore } from "./store.js";

const START_MS = 60_000;
const seen = new Set<string>();
// The servers run one after another on one database, because creating a database is slow.
const state = mkdtempSync(join(tmpdir(), "tessera-client-"));
afterAll(() => rmSync(state, { recursive: true, force: true }));

/** Runs `name` against a server with these settings. */
function atServer(name: string, settings: Record<string, string>, body: (devices: () => ServerDevices) => void): void {
  describe(name, () => {
    let devices: ServerDevices;
    beforeAll(async () => {
      devices = new ServerDevices(new RunningServer(state, settings), seen);
      await devices.server.start();
    }, START_MS);
    afterEach(() => devices.hangUp());
    afterAll(() => devices.server.end(), START_MS);
    body(() => devices);
  });
}

function entered(client: Tessera, name: Tessera["state"]["name"]): Promise<Tessera["state"]> {
  return new Promise((resolve) => {
    const stop = client.on("state", (state) => {
      if (state.name === name) {
        stop();
        resolve(state);
      }
    });
  });
}

atServer("the server", { TESSERA_APPROVAL_TOOLS: "create_task" }, (devices) => {
  test("sends its limits in device_ready", async () => {
    const login = await devices().account();
    const session = await (await devices().online(login)).ready();
    expect(session).toMatchObject({ protocol_version: 3, user_id: login.userId, resume: "new" });
    expect(session.limits.max_concurrent_requests).toBeGreaterThan(1);
  });

  test.each<[string, BlockType, string | undefined]>([
    ["What should I do today?", "entity_ref", undefined],
    ["Show my week as a table", "table", undefined],
    ["Show the timeline", "timeline", undefined],
    ["Pie chart of tasks by priority", "chart", "pie"],
  ])("%s: text and a %s, each announced", async (message, type, chartType) => {
    const device = await devices().online();
    const answer = device.home(message);
    const opened: BlockType[] = [];
    let text = "";
    for await (const event of answer) {
      if (event.type === "open") {
        opened.push(event.block.type);
      } else if (event.type === "text") {
        text += event.chunk;
      }
    }
    const { status, agent, blocks } = await answer.done;
    expect([status, agent]).toEqual(["completed", expect.stringMatching(/_agent$/)]);
    expect(blocks.map((block) => block.type)).toEqual(opened);
    expect(blocks.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("")).toBe(text);
    const block = blocks.find((candidate) => candidate.type === type);
    expect(block).toMatchObject({ open: false, ...(chartType === undefined ? {} : { data: { chartType } }) });
  });

  test("a client without the feature block_open gets no announcements", async () => {
    const device = await devices().online(undefined, { features: [] });
    const types: string[] = [];
    for await (const event of device.home("Show my week as a table")) {
      types.push(event.type);
    }
    expect(types).toContain("block");
    expect(types).not.toContain("open");
  });

  test("a popup reads its item from the device", async () => {
    const device = await devices().online();
    const answer = await device.popup("What is this about?", { type: "note", id: "n1" }).done;
    expect(answer).toMatchObject({ status: "completed", domain: "notes" });
    const [block] = answer.blocks;
    expect(block?.type === "text" && block.text).toContain("Paper samples");
  });

  test("an answer is made for the zone where the person is", async () => {
    let here = { time_zone: "America/New_York", language: "en-US" };
    const device = await devices().online(undefined, { locale: () => here });
    const zoneOf = async () => (await device.home("What should I do today?").done).locale;
    expect(await zoneOf()).toEqual({ ...here, time_zone_source: "device", week_start: "sunday" });
    here = { time_zone: "Asia/Kathmandu", language: "ne-NP" };
    expect(await zoneOf()).toMatchObject({ time_zone: "Asia/Kathmandu", time_zone_source: "device" });
  });

  test("a popup on an unknown item fails", async () => {
    const device = await devices().online();
    const failed = device.popup("What is this about?", { type: "note", id: "gone" });
    await expect(failed.done).rejects.toMatchObject({ code: "scope_not_found", retryable: false });
  });

  test("several requests run at the same time", async () => {
    const device = await devices().online();
    const answers = ["What is overdue?", "Show the timeline", "How are my projects doing?"].map((message) =>
      device.home(message),
    );
    for (const answer of answers) {
      expect(await answer.done).toMatchObject({ status: "completed", requestId: answer.requestId });
    }
  });

  test("a request id runs once", async () => {
    const device = await devices().online();
    const first = await device.home("What is overdue?").done;
    const { requestId } = first;
    const again = await device.home("What is overdue?", { requestId }).done;
    expect(again.blocks).toEqual(first.blocks);
    const other = device.home("What is due today?", { requestId });
    await expect(other.done).rejects.toMatchObject({ code: "duplicate_request", requestId });
  });

  test("another device of the person follows a request, and stops following it", async () => {
    const login = await devices().account();
    const [device, other] = [await devices().online(login), await devices().online(login)];
    const answer = device.home("What should I do today?");
    const followed = other.request(answer.requestId, { watchOnly: true });
    followed.cancel();
    expect(await followed.done).toMatchObject({ status: "cancelled" });
    expect(await answer.done).toMatchObject({ status: "completed" });
  });

  test("a message that is too long is refused", async () => {
    const device = await devices().online();
    const refused = device.home("x".repeat(20_001));
    await expect(refused.done).rejects.toMatchObject({ code: "message_too_long" });
  });

  test("a cancelled request ends as cancelled, and its tool call is withdrawn", async () => {
    const started = deferred<AbortSignal>();
    const tools = {
      ...sampleStore().tools(),
      task: {
        list: (_args: unknown, { signal }: { signal: AbortSignal }) => {
          started.resolve(signal);
          return new Promise<never>(() => undefined);
        },
      },
    };
    const device = await devices().online(undefined, { tools });
    const controller = new AbortController();
    const answer = device.home("What should I do today?", { signal: controller.signal });
    const signal = await started.promise;
    const withdrawn = new Promise((resolve) => signal.addEventListener("abort", resolve));
    controller.abort();
    await withdrawn;
    expect(await answer.done).toMatchObject({ status: "cancelled", error: null });
    expect(signal.reason).toMatchObject({ code: "cancelled" });
  });

  describe("an approval", () => {
    const DELETE = "Delete the task Renew the domain";

    test("granted: the item is deleted, and the other device gets the mutation", async () => {
      const login = await devices().account();
      const store = sampleStore();
      const asked: Approval[] = [];
      const device = await devices().online(login, {
        tools: store.tools(),
        approve: (call) => {
          asked.push(call);
          return true;
        },
      });
      const other = await devices().online(login);
      const told = new Promise<WsServerMutation>((resolve) => other.on("mutation", resolve));
      const answer = await device.home(DELETE).done;
      expect(asked).toMatchObject([{ tool: "delete_task", verb: "delete", entity: "task", args: { id: "t1" } }]);
      expect(answer.mutations).toMatchObject([{ op: "delete", entity: "task", id: "t1" }]);
      expect([...store.items.task.keys()]).toEqual(["t2", "t3"]);
      expect(await told).toMatchObject({ op: "delete", entity: "task", id: "t1", request_id: answer.requestId });
    });

    test("refused: nothing changes, and the model sees the refusal", async () => {
      const store = sampleStore();
      const device = await devices().online(undefined, { tools: store.tools(), approve: () => false });
      const answer = await device.home(DELETE).done;
      expect(answer).toMatchObject({ status: "completed", mutations: [] });
      expect(store.items.task.has("t1")).toBe(true);
    });

    test("edited: the edited arguments are run", async () => {
      const store = sampleStore();
      const asked: Approval[] = [];
      const device = await devices().online(undefined, {
        tools: store.tools(),
        approve: (call) => {
          asked.push(call);
          return { args: { data: { ...(call.args["data"] as object), title: "Water the cactus" } } };
        },
      });
      const answer = await device.home("Create a task called Water the plants due tomorrow").done;
      expect(asked).toMatchObject([{ tool: "create_task", args: { data: { title: "Water the plants" } } }]);
      expect(answer.mutations).toMatchObject([{ op: "create", entity: "task", data: { title: "Water the cactus" } }]);
      expect(store.items.task.get("new-1")).toMatchObject({ title: "Water the cactus" });
    });
  });

  describe("an approval on another device", () => {
    const DELETE = "Delete the task Renew the domain";
    type Decide = (call: Approval, context: { readonly signal: AbortSignal }) => boolean | Promise<boolean> | object;

    /** A device that asks, whose own question waits for `decide`, and another device of the person that decides. */
    async function two(decide: Decide, own: Decide = () => new Promise<boolean>(() => undefined)) {
      const login = await devices().account();
      const store = sampleStore();
      const device = await devices().online(login, { tools: store.tools(), approve: own as never });
      const other = await devices().online(login, { approve: decide as never });
      const outcome = new Promise<object>((resolve) => {
        other.on("frame", ({ frame }) => {
          if ((frame as { type: string }).type === "approval_closed") {
            resolve(frame);
          }
        });
      });
      return { store, device, outcome };
    }

    test("granted: the call runs once, on the device that asked", async () => {
      const asked = deferred<void>();
      const withdrawn = deferred<void>();
      const { store, device, outcome } = await two(
        async ({ otherDevice }) => {
          await asked.promise; // an answer that comes before the device has the question withdraws nothing
          return otherDevice;
        },
        (_call, { signal }) => {
          asked.resolve();
          signal.addEventListener("abort", () => withdrawn.resolve());
          return new Promise<boolean>(() => undefined);
        },
      );
      const answer = await device.home(DELETE).done;
      await withdrawn.promise;
      expect(answer.mutations).toMatchObject([{ op: "delete", entity: "task", id: "t1" }]);
      expect([...store.items.task.keys()]).toEqual(["t2", "t3"]);
      expect(await outcome).toMatchObject({ outcome: "approved" });
    });

    test("refused: nothing changes", async () => {
      const { store, device, outcome } = await two(() => false);
      expect(await device.home(DELETE).done).toMatchObject({ status: "completed", mutations: [] });
      expect(store.items.task.has("t1")).toBe(true);
      expect(await outcome).toMatchObject({ outcome: "denied" });
    });

    test("answered on the device that asked: the question on the other device is closed", async () => {
      const asked = deferred<void>();
      const aborted = deferred<unknown>();
      const { store, device, outcome } = await two(
        (_call, { signal }) => {
          signal.addEventListener("abort", () => aborted.resolve(signal.reason));
          asked.resolve();
          return new Promise<boolean>(() => undefined);
        },
        async () => {
          await asked.promise;
          return true;
        },
      );
      await device.home(DELETE).done;
      expect(await aborted.promise).toMatchObject({ code: "cancelled" });
      expect(await outcome).toMatchObject({ outcome: "approved" });
      expect(store.items.task.has("t1")).toBe(false);
    });
  });

  test("a guest gets an address while it is connected, and keeps its session, tokens and conversations", async () => {
    const api = rest({ baseUrl: devices().server.restUrl });
    const guest = await api.register(`guest-${randomUUID()}@guest`, randomUUID());
    const device = await devices().online(guest);
    const conversationId = randomUUID();
    await device.home("What is overdue?", { conversationId }).done;
    const email = `${randomUUID()}@example.com`;
    const named = await api.account.nameGuest(email, PASSWORD);
    expect(named).toMatchObject({ userId: guest.userId, email });
    await device.home("List my notes", { conversationId }).done;
    await guest.getToken("expiring");
    await expect(api.account.nameGuest(email, PASSWORD)).rejects.toMatchObject({ code: "no_guest", status: 409 });
    const again = rest({ baseUrl: devices().server.restUrl });
    const login = await again.login(email, PASSWORD, { deviceToken: named.deviceToken });
    expect(login.userId).toBe(guest.userId);
    const { exchanges } = await again.conversations.get(conversationId);
    expect(exchanges.map(({ message }) => message)).toEqual(["List my notes", "What is overdue?"]);
  });

  test("changes that the person makes reach the other devices", async () => {
    const login = await devices().account();
    const [here, there] = [await devices().online(login), await devices().online(login)];
    const told = new Promise<WsServerMutation>((resolve) => there.on("mutation", resolve));
    const exchanged = (device: Tessera, type: string): Promise<void> =>
      new Promise((resolve) => {
        device.on("frame", ({ frame }) => {
          if ((frame as { type: string }).type === type) {
            resolve();
          }
        });
      });
    const stored = exchanged(here, "mutation_ack");
    const applied = exchanged(there, "changes_seen");
    here.mutate({ op: "update", entity: "task", id: "t1", data: { status: "done" } });
    expect(await told).toMatchObject({ op: "update", entity: "task", id: "t1", data: { status: "done" } });
    await Promise.all([stored, applied]);
    expect(here.unsentChanges).toBe(0);
  });

  test("a journey: the next answer is made for the new time zone", async () => {
    let locale = { time_zone: "Europe/Berlin" };
    const device = await devices().online(undefined, { locale: () => locale });
    const before = await device.home("What is overdue?").done;
    locale = { time_zone: "Asia/Kathmandu" };
    const after = await device.home("What is overdue?").done;
    expect([before.locale?.time_zone, after.locale?.time_zone]).toEqual(["Europe/Berlin", "Asia/Kathmandu"]);
  });

  test("memory: a preview says what forgetting would remove, and removes nothing", async () => {
    const login = await devices().account();
    const device = await devices().online(login);
    const api = rest({ baseUrl: devices().server.restUrl, getToken: () => login.accessToken });
    await device.home("Remember that I prefer calls in the morning").done;
    // What the server learns from an exchange is stored later, so other tiers may have items or not.
    const episodes = async (): Promise<string[]> => {
      const ids: string[] = [];
      for await (const { id, tier } of api.memory.export()) {
        if (tier === "episodic") {
          ids.push(id);
        }
      }
      return ids;
    };
    const [episode = ""] = await episodes();
    const expected = {
      tiers: expect.arrayContaining(["episodic"]),
      removed: { episodic: [episode] },
      counts: { episodic: 1 },
      restored: [],
      redacted: [],
      mentioned: [],
    };
    expect(await device.previewForget(episode)).toMatchObject(expected);
    expect(await api.memory.previewForget(episode)).toMatchObject({ id: episode, ...expected });
    expect(await episodes()).toEqual([episode]);
    expect(await device.forget(episode)).toContain("episodic");
    await expect(device.previewForget(episode)).rejects.toMatchObject({ code: "unknown_memory" });
  });

  test("memory: remembered, used, read, forgotten, erased", async () => {
    const login = await devices().account();
    const device = await devices().online(login);
    const api = rest({ baseUrl: devices().server.restUrl, getToken: () => login.accessToken });
    await api.memory.setPreference("tone", "short");
    await device.home("Remember that I prefer calls in the morning").done;
    const answer = await device.home("What do I prefer in the morning?").done;
    const [used] = answer.memoryUsed;
    expect(used).toMatchObject({ id: expect.any(String), reason: expect.any(String) });
    const tiers = new Map<string, string>();
    for await (const record of api.memory.export()) {
      tiers.set(record.id, record.tier);
    }
    expect([...tiers.values()]).toEqual(expect.arrayContaining(["core", "episodic"]));
    const episode = [...tiers].find(([, tier]) => tier === "episodic")?.[0] ?? "";
    expect(await device.forget(episode)).toContain("episodic");
    await expect(device.forget(episode)).rejects.toMatchObject({ code: "unknown_memory" });
    await expect(api.memory.forget(episode)).rejects.toMatchObject({ code: "unknown_memory", status: 404 });
    await api.memory.removePreference("tone");
    expect(await api.memory.erase()).toMatchObject({ user_id: login.userId, removed: expect.any(Object) });
  });

  test("a login's token source refreshes, and ends when an older refresh token is used again", async () => {
    const kept: (string | null)[] = [];
    const client = rest({ baseUrl: devices().server.restUrl, onRefreshToken: (token) => void kept.push(token) });
    const login = await client.register(`${randomUUID()}@example.com`, "a long enough passphrase");
    const first = login.accessToken;
    expect(await login.getToken("expiring")).not.toBe(first);
    expect(await login.getToken("refused")).toEqual(expect.any(String));
    expect(new Set(kept).size).toBe(3);
    expect(await client.conversations.list()).toMatchObject({ conversations: [] });
    const copied = client.resumeLogin(String(kept[0]));
    await expect(copied.getToken()).rejects.toMatchObject({ retryable: false });
    expect(kept.at(-1)).toBeNull();
  });

  test("conversations: a follow-up from another device, listed, read, renamed, forgotten", async () => {
    const login = await devices().account();
    const api = rest({ baseUrl: devices().server.restUrl, getToken: () => login.accessToken });
    const conversationId = `garden/${randomUUID()}`;
    await (await devices().online(login)).home("Remember the garden party on Friday", { conversationId }).done;
    await (await devices().online(login)).home("What did I just say?", { conversationId }).done;
    expect(await api.conversations.list({ limit: 1 })).toEqual({
      conversations: [
        {
          id: conversationId,
          title: "Remember the garden party on Friday",
          last_message_at: expect.any(String),
          count: 2,
          kind: "home",
        },
      ],
    });
    const newest = await api.conversations.get(conversationId, { limit: 1 });
    expect(newest.exchanges).toMatchObject([{ message: "What did I just say?", complete: true }]);
    const older = await api.conversations.get(conversationId, { cursor: newest.next ?? "" });
    expect(older.exchanges).toMatchObject([{ message: "Remember the garden party on Friday" }]);
    expect(await api.conversations.rename(conversationId, "Garden")).toMatchObject({ title: "Garden", count: 2 });
    const forgotten = await api.conversations.forget(conversationId);
    expect(forgotten).toMatchObject({ id: conversationId, counts: { episodic: 2 } });
    const unknown = { code: "unknown_conversation", status: 404 };
    await expect(api.conversations.get(conversationId)).rejects.toMatchObject(unknown);
    await expect(api.conversations.forget(conversationId)).rejects.toMatchObject(unknown);
  });

  test("REST: a request's state while it runs and after its end, and its cancellation", async () => {
    const login = await devices().account();
    const api = rest({ baseUrl: devices().server.restUrl, getToken: () => login.accessToken });
    const started = deferred<void>();
    const tools = {
      ...sampleStore().tools(),
      task: {
        list: () => {
          started.resolve();
          return new Promise<never>(() => undefined);
        },
      },
    };
    const device = await devices().online(login, { tools });
    const answer = device.home("What should I do today?");
    await started.promise;
    expect(await api.requests.get(answer.requestId)).toMatchObject({ request_id: answer.requestId, status: "running" });
    await api.requests.cancel(answer.requestId);
    expect(await answer.done).toMatchObject({ status: "cancelled" });
    expect(await api.requests.get(answer.requestId)).toMatchObject({ status: "cancelled" });
    const unknown = { code: "unknown_request", status: 404 };
    await expect(api.requests.cancel(answer.requestId)).rejects.toMatchObject(unknown);
    await expect(api.requests.get(randomUUID())).rejects.toMatchObject(unknown);
  });

  test("REST: a wrong password and a taken e-mail are refused", async () => {
    const { email } = await devices().account();
    const api = rest({ baseUrl: devices().server.restUrl });
    await expect(api.login(email, "not the password")).rejects.toMatchObject({ code: "bad_credentials", status: 401 });
    await expect(api.register(email, PASSWORD)).rejects.toMatchObject({ code: "email_taken", status: 409 });
    expect(await api.login(email, PASSWORD)).toMatchObject({ expiresIn: 3600 });
  });

  test("an invalid token closes the connection for good", async () => {
    const device = devices().device(await devices().account(), { getToken: () => "nonsense" });
    await expect(device.ready()).rejects.toMatchObject({ code: "token_refused" });
  });

  test("a newer connection of the same device replaces the older one, which does not connect again", async () => {
    const login = await devices().account();
    const deviceId = randomUUID();
    const older = await devices().online(login, { deviceId });
    const closed = entered(older, "closed");
    await devices().online(login, { deviceId });
    expect(await closed).toMatchObject({ error: { code: "closed", closeCode: 4510 } });
  });
});

atServer("a server that stops and starts again", { TESSERA_DRAIN_GRACE_S: "60" }, (devices) => {
  test(
    "drains: running requests finish, new ones are refused, and the client connects again after the restart",
    async () => {
      const { server } = devices();
      const started = deferred<void>();
      const finish = deferred<void>();
      const sample = sampleStore().tools();
      const tools = {
        ...sample,
        task: {
          ...sample.task,
          list: async () => {
            started.resolve();
            await finish.promise;
            return { items: [] };
          },
        },
      };
      const device = await devices().online(undefined, { tools, backoff: { firstMs: 100, maxMs: 400 } });
      const answer = device.home("What should I do today?");
      await started.promise;
      server.terminate();
      await server.logged("draining");
      const refused = device.home("And tomorrow?");
      await expect(refused.done).rejects.toMatchObject({ code: "server_draining", retryable: true });
      const waiting = entered(device, "waiting");
      finish.resolve();
      expect(await answer.done).toMatchObject({ status: "completed" });
      expect(await waiting).toMatchObject({ error: { code: "disconnected", closeCode: 4001 } });
      const offline = device.home("Hello?");
      await expect(offline.done).rejects.toMatchObject({ code: "offline" });
      const online = entered(device, "online");
      await server.stopped();
      await server.start();
      await online;
      expect(await device.home("What should I do today?").done).toMatchObject({ status: "completed" });
    },
    START_MS,
  );
});

atServer("a token that expires", { TESSERA_ACCESS_TOKEN_TTL_S: "6", TESSERA_HEARTBEAT_S: "2" }, (devices) => {
  test("is refreshed in time, and the session continues", async () => {
    const account = await devices().account();
    const reasons: TokenReason[] = [];
    const api = rest({ baseUrl: devices().server.restUrl });
    const device = devices().device(account, {
      backoff: { random: () => 0 },
      getToken: async (reason) => {
        reasons.push(reason);
        return reason === "connect" ? account.accessToken : (await api.login(account.email, PASSWORD)).accessToken;
      },
    });
    const session = await device.ready();
    let warnings = 0;
    await new Promise<void>((resolve) => {
      device.on("frame", ({ frame }) => {
        // The first warning belongs to the first token, the second one only to a refreshed token.
        if ((frame as ServerFrame).type === "auth_expiring" && ++warnings === 2) {
          resolve();
        }
      });
    });
    expect(device.state).toEqual({ name: "online", session });
    expect(reasons.slice(0, 2)).toEqual(["connect", "expiring"]);
  });

  test("that expires ends the socket, and the session goes on with a new token", async () => {
    const account = await devices().account();
    const reasons: TokenReason[] = [];
    const errors: TesseraError[] = [];
    const api = rest({ baseUrl: devices().server.restUrl });
    const device = devices().device(account, {
      backoff: { firstMs: 1 },
      getToken: async (reason) => {
        reasons.push(reason);
        if (reason === "expiring") {
          throw new Error("not just now");
        }
        return reason === "connect" ? account.accessToken : (await api.login(account.email, PASSWORD)).accessToken;
      },
    });
    device.on("error", (error) => errors.push(error));
    const { session_id: first } = await device.ready();
    const waiting = await entered(device, "waiting");
    expect(waiting).toMatchObject({ error: { closeCode: 4502 } });
    expect(await device.ready()).toMatchObject({ session_id: first, resume: "resumed" });
    expect(reasons.filter((reason) => reason !== "expiring")).toEqual(["connect", "refused"]);
    expect(new Set(errors.map((error) => error.code))).toEqual(new Set(["token_unavailable"]));
  });
});

test("the tests have exchanged every type of frame", () => {
  const schema = JSON.parse(
    readFileSync(new URL("../../../../docs/protocol/schema.json", import.meta.url), "utf8"),
  ) as {
    $defs: Record<"ClientFrame" | "ServerFrame", { discriminator: { mapping: Record<string, string> } }>;
  };
  const types = (of: "ClientFrame" | "ServerFrame"): string[] => Object.keys(schema.$defs[of].discriminator.mapping);
  const all = [
    ...types("ClientFrame").map((type) => `out ${type}`),
    ...types("ServerFrame").map((type) => `in ${type}`),
  ];
  expect(all.filter((frame) => !seen.has(frame))).toEqual([]);
});
