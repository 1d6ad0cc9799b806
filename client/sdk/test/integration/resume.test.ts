import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type AnswerSnapshot,
  type ConnectOptions,
  memoryStore,
  type Tessera,
  type WsDeviceReady,
} from "../../src/index.js";
import { deferred } from "../deferred.js";
import { CuttingProxy } from "./proxy.js";
import { RunningServer } from "./server.js";
import { ServerDevices } from "./server-devices.js";
import { sampleStore } from "./store.js";

const START_MS = 60_000;
const QUICK = { firstMs: 10, maxMs: 200 };
const OVERVIEW = "Give me an overview";
const state = mkdtempSync(join(tmpdir(), "tessera-resume-"));

let devices: ServerDevices;
let proxy: CuttingProxy;

beforeAll(async () => {
  devices = new ServerDevices(new RunningServer(state, { TESSERA_DEMO_PACE_S: "0.002" }));
  await devices.server.start();
  proxy = await CuttingProxy.to(devices.server.wsUrl);
}, START_MS);

afterEach(() => devices.hangUp());

afterAll(async () => {
  proxy.close();
  await devices.server.end();
  rmSync(state, { recursive: true, force: true });
}, START_MS);

type Login = Awaited<ReturnType<ServerDevices["account"]>>;

async function online(login: Login, options: Partial<ConnectOptions> = {}): Promise<Tessera> {
  return await devices.online(login, { url: proxy.url, backoff: QUICK, ...options });
}

/** What the person sees of an answer: everything but the ids and numbers that differ between runs. */
function screen({ status, agent, domain, blocks, mutations }: AnswerSnapshot): object {
  return { status, agent, domain, blocks, mutations };
}

/** Cut the connection after the frame with number `at` of an answer. Returns the frames that were counted. */
function cutAfter(device: Tessera, at: number): { count: number } {
  const counted = { count: 0 };
  device.on("frame", ({ direction, frame }) => {
    const { type } = frame as { type: string };
    if (direction === "in" && /^(stream_|block_|popup_|tool_call)/.test(type)) {
      counted.count += 1;
      if (counted.count === at) {
        proxy.cut();
      }
    }
  });
  return counted;
}

/** The states of the sessions that the device has had. */
function sessions(device: Tessera): WsDeviceReady["resume"][] {
  const found: WsDeviceReady["resume"][] = [];
  device.on("state", (entered) => {
    if (entered.name === "online") {
      found.push(entered.session.resume);
    }
  });
  return found;
}

describe("an answer whose connection is cut", () => {
  test(
    "after any of its frames is the same as an uncut one",
    async () => {
      const login = await devices.account();
      const tools = sampleStore().tools(); // the same items, with the same dates, in all runs
      const first = await online(login, { tools });
      const frames = cutAfter(first, -1);
      const uncut = screen(await first.home(OVERVIEW).done);
      const total = frames.count;
      first.close();
      expect(total).toBeGreaterThan(10);
      for (let at = 1; at <= total; at += Math.max(1, Math.floor(total / 25))) {
        const device = await online(login, { tools });
        const resumed = sessions(device);
        cutAfter(device, at);
        const answer = device.home(OVERVIEW);
        let text = "";
        for await (const event of answer) {
          text += event.type === "text" && event.replace === undefined ? event.chunk : "";
        }
        const whole = await answer.done;
        expect(screen(whole), `cut after frame ${at}`).toEqual(uncut);
        expect(text).toBe(whole.blocks.map((block) => (block.type === "text" ? block.text : "")).join(""));
        if (resumed.length > 0) {
          expect(resumed).toEqual(["resumed"]);
        }
        device.close();
      }
    },
    START_MS * 2,
  );

  test("goes on over a half-open connection", async () => {
    const device = await online(await devices.account());
    const answer = device.home(OVERVIEW);
    const began = new Promise<void>((resolve) => answer.subscribe(resolve));
    await began;
    proxy.freeze();
    const since = Date.now();
    await new Promise<void>((resolve) => device.on("state", ({ name }) => name === "connecting" && resolve()));
    expect(Date.now() - since).toBeLessThan(12_000); // ten seconds, and the delays of a busy machine
    expect(await answer.done).toMatchObject({ status: "completed" });
  });

  test("changes what it changes once", async () => {
    const store = sampleStore();
    const sample = store.tools();
    const started = deferred<void>();
    const finish = deferred<void>();
    let runs = 0;
    const tools = {
      ...sample,
      task: {
        ...sample.task,
        delete: async (args: never, context: never) => {
          runs += 1;
          started.resolve();
          await finish.promise;
          return sample.task?.delete?.(args, context);
        },
      },
    };
    const device = await online(await devices.account(), { tools, approve: () => true });
    const answer = device.home("Delete the task Renew the domain");
    await started.promise;
    const back = new Promise<void>((resolve) => device.on("state", ({ name }) => name === "online" && resolve()));
    proxy.cut();
    await back;
    finish.resolve();
    expect((await answer.done).mutations).toMatchObject([{ op: "delete", entity: "task", id: "t1" }]);
    expect([runs, store.items.task.has("t1")]).toEqual([1, false]);
  });
});

describe("after a restart of the application", () => {
  test("a running answer is attached to again", async () => {
    const login = await devices.account();
    const deviceId = randomUUID();
    const earlier = await online(login, { deviceId });
    const { requestId } = earlier.home(OVERVIEW);
    await new Promise<void>((resolve) => earlier.request(requestId).subscribe(resolve));
    earlier.close();
    const device = await online(login, { deviceId });
    const answer = await device.request(requestId).done;
    expect(answer.status).toBe("completed");
    expect(answer.blocks.length).toBeGreaterThan(1);
  });

  test("an answer that has ended is fetched, and a retry with its id does not run again", async () => {
    const login = await devices.account();
    const deviceId = randomUUID();
    const earlier = await online(login, { deviceId });
    const first = await earlier.home(OVERVIEW).done;
    earlier.close();
    const device = await online(login, { deviceId });
    const { requestId } = first;
    expect(screen(await device.request(requestId).done)).toEqual(screen(first));
    expect(screen(await device.home(OVERVIEW, { requestId }).done)).toEqual(screen(first));
    const other = device.home("Something else", { requestId });
    await expect(other.done).rejects.toMatchObject({ code: "duplicate_request" });
  });

  test("a call that was interrupted is reported as unknown and does not run again", async () => {
    const login = await devices.account();
    const deviceId = randomUUID();
    const store = memoryStore();
    const started = deferred<void>();
    let runs = 0;
    const sample = sampleStore().tools();
    const tools = {
      ...sample,
      task: {
        ...sample.task,
        delete: () => {
          runs += 1;
          started.resolve();
          return new Promise<never>(() => undefined);
        },
      },
    };
    const options = { deviceId, store, tools, approve: () => true };
    const earlier = await online(login, options);
    const { requestId } = earlier.home("Delete the task Renew the domain");
    await started.promise;
    earlier.close();
    const device = devices.device(login, { url: proxy.url, backoff: QUICK, ...options });
    const results: object[] = [];
    device.on("frame", ({ direction, frame }) => {
      if (direction === "out" && (frame as { type: string }).type === "tool_result") {
        results.push(frame);
      }
    });
    await device.request(requestId).done.catch(() => undefined);
    expect(results).toContainEqual(expect.objectContaining({ error: expect.objectContaining({ code: "unknown" }) }));
    expect(runs).toBe(1);
  });

  test("an unknown request is refused", async () => {
    const device = await online(await devices.account());
    const answer = device.request(randomUUID());
    await expect(answer.done).rejects.toMatchObject({ code: "unknown_request" });
  });
});

test("a second device of the person follows an answer", async () => {
  const login = await devices.account();
  const device = await online(login);
  const other = await online(login);
  const answer = device.home(OVERVIEW);
  await new Promise<void>((resolve) => answer.subscribe(resolve));
  const followed = await other.request(answer.requestId, { watchOnly: true }).done;
  expect(screen(followed)).toEqual(screen(await answer.done));
});
