import { WebSocket } from "ws";
import {
  type Answer,
  type AnswerBlock,
  type Approval,
  connect,
  type Decision,
  type ForgetPreview,
  intlLocale,
  memoryStore,
  parseToolName,
  type Store,
  type Tessera,
  ToolError,
  type Tools,
  type WsLocale,
} from "../../src/index.js";

/** A message of the runner. */
export type Message = { readonly type: string; readonly [field: string]: unknown };

interface ToolScript {
  readonly data?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
  readonly wait?: boolean;
}

/** A store that outlives its application. After a crash, the application can no longer write to it. */
export class Disk {
  readonly #items = memoryStore();

  mount(): { readonly store: Store; readonly unmount: () => void } {
    let mounted = true;
    return {
      store: {
        getItem: (key) => this.#items.getItem(key),
        setItem: (key, value) => {
          if (mounted) {
            this.#items.setItem(key, value);
          }
        },
      },
      unmount: () => {
        mounted = false;
      },
    };
  }
}

/** One run of an application on the SDK, as a case needs it. */
export class Application {
  readonly #tessera: Tessera;
  readonly #tokens: string[];
  readonly #sockets: WebSocket[] = [];
  readonly #unmount: () => void;
  readonly #lastChange: () => unknown;
  readonly #answers = new Map<string, Answer>();
  readonly #questions = new Map<string, { call: Approval; decide: (decision: Decision) => void }>();
  readonly #gates = new Map<string, { readonly opened: Promise<void>; readonly open: () => void }>();
  readonly #ran: object[] = [];
  readonly #applied: object[] = [];
  readonly #forgotten: string[] = [];
  readonly #previews: ForgetPreview[] = [];
  #resyncs = 0;

  constructor(
    begun: Message,
    disk: Disk,
    public locale: WsLocale = intlLocale(),
  ) {
    const { store, unmount } = disk.mount();
    this.#unmount = unmount;
    this.#lastChange = () => JSON.parse(store.getItem(`tessera.${String(begun["device_id"])}.changes`) ?? "{}").last;
    this.#tokens = [...(begun["tokens"] as string[])];
    const sockets = this.#sockets;
    class Socket extends WebSocket {
      constructor(url: string) {
        super(url);
        sockets.push(this);
      }
    }
    this.#tessera = connect({
      url: String(begun["url"]),
      deviceId: String(begun["device_id"]),
      getToken: (reason) => this.#token(reason),
      tools: this.#tools(begun["tools"] as Record<string, ToolScript>),
      approve: (call, { signal }) => this.#ask(call, signal),
      store,
      WebSocket: Socket,
      backoff: { firstMs: 1, random: () => 0 },
      locale: () => this.locale,
    });
    this.#tessera.on("mutation", (change) => this.#applied.push(change));
    this.#tessera.on("resync", () => {
      this.#resyncs += 1;
    });
  }

  /** End without a goodbye, as a crash does. */
  kill(): void {
    this.#unmount();
    for (const socket of this.#sockets) {
      socket.terminate();
    }
    this.#tessera.close();
  }

  act(action: Message): void {
    const { answer, message, request_id, call_id, tool } = action as unknown as Record<string, string>;
    const name = String(answer);
    switch (action["do"]) {
      case "home":
        this.#answers.set(name, this.#tessera.home(String(message)));
        break;
      case "popup":
        this.#answers.set(name, this.#tessera.popup(String(message), action["scope"] as never));
        break;
      case "attach":
        this.#answers.set(name, this.#tessera.request(String(request_id)));
        break;
      case "watch":
        this.#answers.set(name, this.#tessera.request(String(request_id), { watchOnly: true }));
        break;
      case "cancel":
        this.#answers.get(name)?.cancel();
        break;
      case "decide": {
        const args = action["edited_args"] as Record<string, unknown> | undefined;
        this.#questions.get(String(call_id))?.decide(args === undefined ? action["approved"] === true : { args });
        break;
      }
      case "release":
        this.#gate(String(tool)).open();
        break;
      case "mutate": {
        const { op, entity, id, data } = action as unknown as Record<string, never>;
        this.#tessera.mutate({ op, entity, id, ...(data === undefined ? {} : { data }) } as never);
        break;
      }
      case "forget":
        this.#tessera.forget(String(action["memory_id"])).then(
          () => this.#forgotten.push(String(action["memory_id"])),
          () => undefined,
        );
        break;
      case "preview_forget":
        this.#tessera.previewForget(String(action["memory_id"])).then(
          (preview) => this.#previews.push(preview),
          () => undefined,
        );
        break;
      default:
        throw new Error(`the SDK can't do ${String(action["do"])}`);
    }
  }

  state(): object {
    const { name } = this.#tessera.state;
    return {
      connection: name === "waiting" ? "connecting" : name,
      answers: Object.fromEntries([...this.#answers].map(([key, answer]) => [key, shown(answer)])),
      ran: this.#ran,
      questions: [...this.#questions.values()].map(({ call: { callId, tool, args } }) => ({
        call_id: callId,
        tool,
        args,
      })),
      applied: this.#applied,
      resyncs: this.#resyncs,
      unsent: this.#tessera.unsentChanges,
      last_change: this.#lastChange(),
      forgotten: this.#forgotten,
      previews: this.#previews,
    };
  }

  #token(reason: string): string {
    if (reason !== "connect") {
      this.#tokens.shift();
    }
    return this.#tokens[0] ?? "no token is left";
  }

  #tools(scripts: Record<string, ToolScript>): Tools {
    const tools: Record<string, Record<string, unknown>> = {};
    for (const [name, script] of Object.entries(scripts)) {
      const [verb, entity] = parseToolName(name) ?? [];
      if (verb === undefined || entity === undefined) {
        throw new Error(`the case has an unknown tool ${name}`);
      }
      tools[entity] = { ...tools[entity], [verb]: (args: unknown) => this.#run(name, script, args) };
    }
    return tools as Tools;
  }

  async #run(tool: string, { data, error, wait = false }: ToolScript, args: unknown): Promise<unknown> {
    this.#ran.push({ tool, args });
    if (wait) {
      await this.#gate(tool).opened;
    }
    if (error !== undefined) {
      throw new ToolError(error.code, error.message);
    }
    return data;
  }

  #gate(tool: string): { readonly opened: Promise<void>; readonly open: () => void } {
    const known = this.#gates.get(tool);
    if (known !== undefined) {
      return known;
    }
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const gate = { opened, open: () => open() };
    this.#gates.set(tool, gate);
    return gate;
  }

  #ask(call: Approval, signal: AbortSignal): Promise<Decision> {
    return new Promise((resolve) => {
      const decide = (decision: Decision): void => {
        this.#questions.delete(call.callId);
        resolve(decision);
      };
      signal.addEventListener("abort", () => decide(false));
      this.#questions.set(call.callId, { call, decide });
    });
  }
}

/** An answer in the words of the kit. */
export function shown({ snapshot }: Pick<Answer, "snapshot">): object {
  const { status, agent, domain, blocks, tools, mutations, memoryUsed, usage, finish, shown: count, error } = snapshot;
  return {
    status,
    agent,
    domain,
    mutations,
    usage,
    finish,
    memory_used: memoryUsed,
    shown: count,
    blocks: blocks.map(shownBlock),
    tools: tools.map(({ callId, tool, state, code }) => ({ call_id: callId, tool, state, code })),
    error: error && { code: error.code, message: error.message, retryable: error.retryable },
  };
}

function shownBlock(block: AnswerBlock): object {
  const { index, type } = block;
  const content = type === "text" ? { content: block.text } : { data: block.data };
  return { block: index, block_type: type, ...content };
}
