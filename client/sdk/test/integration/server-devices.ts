import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { WebSocket } from "ws";
import { type ConnectOptions, connect, type Login, rest, type Tessera, TesseraError } from "../../src/index.js";
import type { RunningServer } from "./server.js";
import { sampleStore } from "./store.js";

export const PASSWORD = "correct horse battery";

/** Accounts and devices of one test server. */
export class ServerDevices {
  readonly #devices: Tessera[] = [];
  /** The types of all frames that were sent or received, such as `in device_ready`. */
  readonly seen: Set<string>;

  constructor(
    readonly server: RunningServer,
    seen: Set<string> = new Set(),
  ) {
    this.seen = seen;
  }

  async account(): Promise<Login & { email: string }> {
    const email = `${randomUUID()}@example.com`;
    for (;;) {
      try {
        return { email, ...(await rest({ baseUrl: this.server.restUrl }).register(email, PASSWORD)) };
      } catch (error) {
        // All accounts of the tests come from one address, and a fast machine makes more than it may in a second.
        if (!(error instanceof TesseraError && error.status === 429)) {
          throw error;
        }
        await setTimeout(1000);
      }
    }
  }

  /** A device with the sample items, not yet connected. */
  device(login: Login, options: Partial<ConnectOptions> = {}): Tessera {
    const device = connect({
      url: this.server.wsUrl,
      deviceId: randomUUID(),
      client: { name: "sdk tests", version: "0", platform: process.platform },
      getToken: () => login.accessToken,
      tools: sampleStore().tools(),
      WebSocket,
      ...options,
    });
    device.on("frame", ({ direction, frame }) => this.seen.add(`${direction} ${(frame as { type: string }).type}`));
    this.#devices.push(device);
    return device;
  }

  async online(login?: Login, options: Partial<ConnectOptions> = {}): Promise<Tessera> {
    const device = this.device(login ?? (await this.account()), options);
    await device.ready();
    return device;
  }

  hangUp(): void {
    for (const device of this.#devices.splice(0)) {
      device.close();
    }
  }
}
