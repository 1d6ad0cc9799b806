import type { ConversationPage, ConversationSummary } from "@tessera/client";
import { expect, it } from "vitest";
import type { RestClient } from "../src/session/account.js";
import { popupConversation, Threads } from "../src/session/threads.js";

const row = (id: string, kind?: "home" | "popup"): ConversationSummary => ({
  id,
  title: id,
  last_message_at: "2026-03-09T09:00:00Z",
  count: 1,
  ...(kind === undefined ? {} : { kind }),
});

function listing(...pages: readonly (readonly ConversationSummary[])[]): RestClient {
  const list = async ({ cursor = "0" }): Promise<ConversationPage> => {
    const at = Number(cursor);
    return { conversations: [...(pages[at] ?? [])], ...(at + 1 < pages.length ? { next: String(at + 1) } : {}) };
  };
  return { conversations: { list } } as unknown as RestClient;
}

it("leaves out popups: those that the server names, those of this page, and older ones that this tab knows", async () => {
  const popups = [row("named", "popup"), row(popupConversation()), row("older"), row(popupConversation(), "home")];
  const threads = new Threads(listing(popups, [row("chat", "home"), row("old chat")]), (id) => id === "older");
  await threads.refresh();
  expect(threads.snapshot.threads.map(({ id }) => id)).toEqual(["chat", "old chat"]);
});
