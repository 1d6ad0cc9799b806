// Only type-checked: valid and invalid tools of an application.
import {
  type Answer,
  type AnswerBlock,
  type EntityTools,
  type FinishedAnswer,
  type Items,
  type Tessera,
  type TesseraError,
  type Tools,
  thenable,
} from "../src/index.js";

/** An application's type: an interface with one more field and without an index signature. */
interface OwnTask {
  id: string;
  title: string;
  dueDate?: number | null;
  colour: string;
}

declare const own: OwnTask;

export const tools: Tools = {
  task: {
    list: ({ filter, text, limit }) => ({ items: [own], truncated: [filter, text, limit].length > 3, total: 1 }),
    get: async ({ id }) => (id === own.id ? own : undefined),
    create: ({ data }, { signal }) => ({ ...own, title: signal.aborted ? "" : (data.title ?? "") }),
    // @ts-expect-error a task has an id
    update: ({ data }) => ({ title: String(data.title) }),
    delete: async () => undefined,
  },
  note: {
    // @ts-expect-error a truncated list has a total
    list: () => ({ items: [], truncated: true }),
  },
  checkpoint: {
    get: ({ id }) => ({ id, title: "Beta", date: 0, isApproved: true }),
    // @ts-expect-error a checkpoint has a date
    create: () => ({ id: "c1", title: "Beta" }),
  },
};

export const others: Tools = {
  // @ts-expect-error there is no such entity
  invoice: {},
};

export class Store implements EntityTools<Items["project"]> {
  list(): { items: Items["project"][] } {
    return { items: [{ id: "p1", name: "Harbour" }] };
  }
  get({ id }: { id: string }): Items["project"] {
    return { id, name: "Harbour" };
  }
  create({ data }: { data: { name?: string | null } }): Items["project"] {
    return { id: "p2", name: data.name ?? "" };
  }
  update({ id }: { id: string }): Items["project"] {
    return { id, name: "Harbour" };
  }
  delete(): void {}
}

export const withStore: Tools = { project: new Store() };

/** The type of a block determines the type of its data. */
export async function titles(answer: Answer): Promise<string[]> {
  for await (const event of answer) {
    if (event.type === "block" && event.block.type === "table") {
      event.block.data.headers.join();
    }
  }
  return (await answer.done).blocks.flatMap(titlesOf);
}

function titlesOf(block: AnswerBlock): string[] {
  if (block.open) {
    return [];
  }
  switch (block.type) {
    case "text":
      return [block.text];
    case "chart":
      return [block.data.title, ...Object.values(block.data.config).map(({ label }) => label)];
    case "table":
      return block.data.headers;
    case "timeline":
      return block.data.checkpoints.map(({ title }) => title);
    case "entity_ref":
      return block.data.entity === "project"
        ? block.data.items.map(({ name }) => name)
        : block.data.items.map(({ title }) => title);
  }
}

/** An async function can return an answer, because it is not a promise. */
export async function asked(tessera: Tessera): Promise<Answer> {
  return tessera.home("Hi");
}

/** `thenable` gives an answer the methods of a promise. */
export async function whole(answer: Answer): Promise<FinishedAnswer> {
  // @ts-expect-error an answer is not a promise
  answer.then(() => undefined);
  return await thenable(answer);
}

/** Codes are a union, so a misspelled one is an error. */
export function isOffline({ code }: TesseraError): boolean {
  // @ts-expect-error there is no such code
  return code === "offline" || code === "ofline";
}
