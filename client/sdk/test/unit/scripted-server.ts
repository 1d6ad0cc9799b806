import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { type ConnectOptions, connect, type Tessera } from "../../src/index.js";

export type Frame = Record<string, unknown> & { readonly type: string };

export const DEVICE_ID = "6f1d3c1e-2a53-4a6e-9d55-0a0d3f9a7b01";
export const SESSION_ID = "6f1d3c1e-2a53-4a6e-9d55-0a0d3f9a7b02";

/** A queue with asynchronous reads. It keeps values until they are read. */
class Mailbox<Item> {
  readonly #items: Item[] = [];
  readonly #takers: ((item: Item) => void)[] = [];

  put(item: Item): void {
    const taker = this.#takers.shift();
    if (taker === undefined) {
      this.#items.push(item);
    } else {
      taker(item);
    }
  }

  take(): Promise<Item> {
    const item = this.#items.shift();
    return item === undefined ? new Promise((resolve) => this.#takers.push(resolve)) : Promise.resolve(item);
  }

  get size(): number {
    return this.#items.length;
  }
}

/** One client's socket, as the server sees it. */
export class Peer {
  readonly #frames = new Mailbox<Frame>();
  readonly closed: Promise<number>;
  #seq = 0;

  constructor(private readonly socket: WebSocket) {
    socket.on("message", (data: RawData) => this.#frames.put(JSON.parse(String(data)) as Frame));
    this.closed = new Promise((resolve) => socket.on("close", resolve));
  }

  /** The next frame. */
  take(): Promise<Frame> {
    return this.#frames.take();
  }

  /** The next frame, which must be of `type`. */
  async hear(type: string): Promise<Frame> {
    const frame = await this.#frames.take();
    if (frame.type !== type) {
      throw new Error(`expected ${type}, heard ${JSON.stringify(frame)}`);
    }
    return frame;
  }

  /** Number of received frames that the test has not read. */
  get unheard(): number {
    return this.#frames.size;
  }

  /** Send a frame. `seq` goes on by one, or from the given one. */
  say(type: string, fields: object = {}): void {
    this.#seq = (fields as { readonly seq?: number }).seq ?? this.#seq + 1;
    this.sayText(JSON.stringify({ type, seq: this.#seq, ...fields }));
  }

  sayText(text: string): void {
    this.socket.send(text);
  }

  sayBytes(bytes: Uint8Array): void {
    this.socket.send(bytes);
  }

  /** Receive device_hello and answer with device_ready. Returns the hello. */
  async greet(fields: object = {}): Promise<Frame> {
    const hello = await this.hear("device_hello");
    this.say("device_ready", {
      session_id: SESSION_ID,
      protocol_version: 3,
      user_id: DEVICE_ID,
      heartbeat_s: 25,
      limits: { max_frame_bytes: 10_000, max_concurrent_requests: 8, max_message_chars: 20_000 },
      resume: "new",
      requests: [],
      ...fields,
    });
    return hello;
  }

  close(code: number, reason = ""): void {
    this.socket.close(code, reason);
  }

  /** End the TCP connection without a close frame. */
  vanish(): void {
    this.socket.terminate();
  }
}

/** A WebSocket server on loopback that sends only the frames of the test. */
export class ScriptedServer {
  readonly #peers = new Mailbox<Peer>();
  readonly #clients: Tessera[] = [];

  private constructor(
    private readonly server: WebSocketServer,
    readonly url: string,
  ) {
    server.on("connection", (socket) => this.#peers.put(new Peer(socket)));
  }

  static async open(): Promise<ScriptedServer> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    return new ScriptedServer(server, `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  }

  /** The next client that connects. */
  next(): Promise<Peer> {
    return this.#peers.take();
  }

  /** Number of clients that connected and that the test has not accepted. */
  get waiting(): number {
    return this.#peers.size;
  }

  connect(options: Partial<ConnectOptions> = {}): Tessera {
    const client = connect({
      url: this.url,
      deviceId: DEVICE_ID,
      getToken: () => "token",
      WebSocket,
      backoff: { random: () => 0.5 },
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  /** A client that is online, and its peer. */
  async online(options: Partial<ConnectOptions> = {}, ready: object = {}): Promise<{ client: Tessera; peer: Peer }> {
    const client = this.connect(options);
    const peer = await this.next();
    await peer.greet(ready);
    await client.ready();
    return { client, peer };
  }

  async close(): Promise<void> {
    for (const client of this.#clients) {
      client.close();
    }
    for (const socket of this.server.clients) {
      socket.terminate();
    }
    this.server.close();
    await once(this.server, "close");
  }
}

/** Waits until the client enters the state with this name. */
export function entered<Name extends Tessera["state"]["name"]>(
  client: Tessera,
  name: Name,
): Promise<Extract<Tessera["state"], { name: Name }>> {
  return new Promise((resolve) => {
    const stop = client.on("state", (state) => {
      if (state.name === name) {
        stop();
        resolve(state as Extract<Tessera["state"], { name: Name }>);
      }
    });
  });
}
