import { randomUUID } from "node:crypto";
import { WebSocket } from "ws";
import { type ConnectOptions, connect, type Login, rest, type Tessera } from "../../src/index.js";
import type { RunningServer } from "./server.js";
import { sampleStore } from "./store.js";

export const PASSWORD = "correct horse battery";

/** Accounts and devices of one test server. */
export class ServerDevices {
  readonly #devices: Tessera[] = [];
  #accounts = 0;
  /** The types of all frames that were sent or received, such as `in device_ready`. */
  readonly seen: Set<string>;

  constructor(
    readonly server: RunningServer,
    seen: Set<string> = new Set(),
  ) {
    this.seen = seen;
  }

  /** A new account. Each comes from a different network address, because logins are limited per address. */
  async account(): Promise<Login & { email: string }> {
    const email = `${randomUUID()}@example.com`;
    this.#accounts += 1;
    const address = `10.0.${this.#accounts >> 8}.${this.#accounts & 255}`;
    const fromThere: typeof fetch = (url, init) => {
      const headers = new Headers(init?.headers);
      headers.set("X-Forwarded-For", address);
      return fetch(url, { ...init, headers });
    };
    const api = rest({ baseUrl: this.server.restUrl, fetch: fromThere });
    return { email, ...(await api.register(email, PASSWORD)) };
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
