import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A TCP proxy on loopback that can lose connections, as a network does. */
export class CuttingProxy {
  readonly #pairs = new Set<readonly [Socket, Socket]>();

  private constructor(
    private readonly server: Server,
    /** The URL of the device socket through this proxy. */
    readonly url: string,
  ) {}

  /** Forwards to the device socket at `target`. */
  static async to(target: string): Promise<CuttingProxy> {
    const { hostname, port, pathname } = new URL(target);
    const server = createServer((client) => proxy.#forward(client, connect(Number(port), hostname)));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const proxy = new CuttingProxy(server, `ws://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`);
    return proxy;
  }

  /** End all connections without a close frame. */
  cut(): void {
    for (const [client, upstream] of this.#pairs) {
      client.destroy();
      upstream.destroy();
    }
  }

  /** Forward nothing more on the present connections, and do not end them: they are half open. */
  freeze(): void {
    for (const [client, upstream] of this.#pairs) {
      client.unpipe(upstream);
      upstream.unpipe(client);
      client.pause();
      upstream.pause();
    }
  }

  close(): void {
    this.cut();
    this.server.close();
  }

  #forward(client: Socket, upstream: Socket): void {
    const pair = [client, upstream] as const;
    this.#pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#pairs.delete(pair);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.pipe(client);
  }
}
