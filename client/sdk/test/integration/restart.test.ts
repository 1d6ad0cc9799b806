import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { memoryStore, type ServerFrame, storeJournal, type Tessera, type WsServerMutation } from "../../src/index.js";
import { RunningServer } from "./server.js";
import { ServerDevices } from "./server-devices.js";
import { sampleStore } from "./store.js";

const START_MS = 60_000;
const state = mkdtempSync(join(tmpdir(), "tessera-restart-"));
let devices: ServerDevices;

beforeAll(async () => {
  devices = new ServerDevices(new RunningServer(state, {}));
  await devices.server.start();
}, START_MS);

afterEach(() => devices.hangUp());

afterAll(async () => {
  await devices.server.end();
  rmSync(state, { recursive: true, force: true });
}, START_MS);

/** The frames of this type that the device sends or receives from now on. */
function frames(device: Tessera, type: string): ServerFrame[] {
  const found: ServerFrame[] = [];
  device.on("frame", ({ frame }) => {
    if ((frame as ServerFrame).type === type) {
      found.push(frame as ServerFrame);
    }
  });
  return found;
}

describe("a change whose result the killed server never got", () => {
  test(
    "reaches the next server after a restart of the application, once",
    async () => {
      const { server } = devices;
      const login = await devices.account();
      const deviceId = randomUUID();
      const store = memoryStore(); // what the application has on its disk
      const calls = storeJournal(store, `tessera.${deviceId}.calls`);
      const sample = sampleStore().tools();
      let runs = 0;
      const tools = {
        ...sample,
        task: {
          ...sample.task,
          delete: async (args: never, context: never) => {
            runs += 1;
            await server.kill();
            return await sample.task?.delete?.(args, context);
          },
        },
      };
      const options = { deviceId, store, tools, approve: () => true };
      const watching = { deviceId: randomUUID(), store: memoryStore() };
      (await devices.online(login, watching)).close();
      const killed = await devices.online(login, options);
      void killed.home("Delete the task Renew the domain").done.catch(() => undefined);
      await vi.waitFor(
        async () => expect((await calls.entries?.())?.[0]?.result).toMatchObject({ ok: true }),
        START_MS,
      );
      killed.close();
      await server.start();

      const restarted = devices.device(login, options);
      const [sent, acknowledged] = [frames(restarted, "tool_result"), frames(restarted, "tool_ack")];
      expect((await restarted.ready()).resume).toBe("new");
      await vi.waitFor(() => expect(acknowledged).toHaveLength(1), START_MS);
      expect(sent).toMatchObject([{ tool: "delete_task", id: "t1", ok: true }]);
      await vi.waitFor(async () => expect(await calls.entries?.()).toEqual([]));
      restarted.close();

      const again = devices.device(login, options);
      const sentAgain = frames(again, "tool_result");
      expect((await again.ready()).resume).toBe("new");
      const other = devices.device(login, watching);
      const heard: WsServerMutation[] = [];
      other.on("mutation", (change) => heard.push(change));
      await vi.waitFor(() => expect(heard).toMatchObject([{ op: "delete", entity: "task", id: "t1" }]), START_MS);
      await again.home("Hello").done;
      expect([runs, sentAgain, heard.length]).toEqual([1, [], 1]);
    },
    START_MS * 2,
  );

  test(
    "is deleted from the journal if the next server refuses it",
    async () => {
      const login = await devices.account();
      const deviceId = randomUUID();
      const store = memoryStore();
      const calls = storeJournal(store, `tessera.${deviceId}.calls`);
      const callId = randomUUID();
      // An id that another change of the person has: the server can't tell which of them is meant.
      const changed = await devices.online(login);
      const stored = frames(changed, "mutation_ack");
      vi.spyOn(crypto, "randomUUID").mockReturnValueOnce(callId);
      changed.mutate({ op: "delete", entity: "task", id: "t2" });
      await vi.waitFor(() => expect(stored).toMatchObject([{ mutation_id: callId }]));
      const about = { tool: "delete_task", id: "t1", request_id: randomUUID() };
      await calls.put({
        callId,
        startedAt: Date.now(),
        result: { type: "tool_result", call_id: callId, ok: true, data: { id: "t1" }, ...about },
      });
      const device = devices.device(login, { deviceId, store });
      const refused = frames(device, "error");
      await device.ready();
      await vi.waitFor(() => expect(refused).toMatchObject([{ code: "unknown_call", call_id: callId }]), START_MS);
      await vi.waitFor(async () => expect(await calls.entries?.()).toEqual([]));
    },
    START_MS,
  );
});
