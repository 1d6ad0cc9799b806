// Only type-checked: valid and invalid tools of an application.
import type { Answer, AnswerBlock, EntityTools, FinishedAnswer, Items, Tools } from "../src/index.js";

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
    list: ({ filter, text, limit }) => ({ items: [own], truncated: [filter, text, limit].length > 3 }),
    get: async ({ id }) => (id === own.id ? own : undefined),
    create: ({ data }, { signal }) => ({ ...own, title: signal.aborted ? "" : (data.title ?? "") }),
    // @ts-expect-error a task has an id
    update: ({ data }) => ({ title: String(data.title) }),
    delete: async () => undefined,
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
    if (event.type === "block" && event.blockType === "table") {
      event.data.headers.join();
    }
  }
  return (await answer).blocks.flatMap(titlesOf);
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

/** An answer can be used as a promise. */
export function whole(answer: Answer): Promise<FinishedAnswer> {
  return answer;
}
