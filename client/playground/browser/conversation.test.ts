import { readdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { launch, seriousFindings, Watch } from "./chromium.js";
import { Server } from "./server.js";

let server: Server;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let watch: Watch;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start({ TESSERA_DEMO_PACE_S: "0.004" }), launch()]);
  context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    colorScheme: "light",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  context.setDefaultTimeout(20_000);
  page = await context.newPage();
  watch = Watch.over(page);
  await opened(page);
});

afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

afterEach(() => {
  expect(watch.complaints.splice(0)).toEqual([]);
});

async function opened(on: Page): Promise<void> {
  await on.goto(server.url);
  await on.getByRole("status").filter({ hasText: "Connected" }).waitFor();
}

const field = (on: Page = page) => on.getByLabel("Message", { exact: true });
const turns = (on: Page = page) => on.getByRole("main").getByRole("article");
const threads = () => page.getByRole("navigation", { name: "Conversations" });

async function ended(turn: Locator, status = "completed"): Promise<void> {
  await turn.and(turn.page().locator(`[data-status="${status}"]`)).waitFor();
}

async function ask(message: string, on: Page = page): Promise<Locator> {
  const before = await turns(on).count();
  await field(on).fill(message);
  await on.keyboard.press("Enter");
  await turns(on).nth(before).waitFor();
  return turns(on).nth(before);
}

async function begin(): Promise<void> {
  await page.getByRole("button", { name: "New conversation" }).click();
  await page.getByText("What would you like to do?").waitFor();
}

it("sends with Enter, starts a line with Shift+Enter, and recalls with the arrow keys", async () => {
  await page.getByRole("list", { name: "Suggestions" }).waitFor();
  await field().fill("What is");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("overdue?");
  expect(await field().inputValue()).toBe("What is\noverdue?");
  await page.keyboard.press("Enter");
  await ended(turns().last());
  expect(await field().inputValue()).toBe("");
  // The suggestions leave with the first message.
  expect(await page.getByRole("list", { name: "Suggestions" }).count()).toBe(0);
  await ended(await ask("Show the timeline"));
  await page.keyboard.press("ArrowUp");
  expect(await field().inputValue()).toBe("Show the timeline");
  await page.keyboard.press("ArrowUp");
  expect(await field().inputValue()).toBe("What is\noverdue?");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  expect(await field().inputValue()).toBe("");
});

it("reaches the newest answer from the field within twelve tab stops", async () => {
  await field().focus();
  const newest = turns().last();
  let stops = 0;
  const isThere = () => newest.evaluate((turn) => turn.contains(document.activeElement));
  while (stops < 12 && !(await isThere())) {
    await page.keyboard.press("Shift+Tab");
    stops += 1;
  }
  expect(await isThere()).toBe(true);
});

it("shows the steps, copies the answer, and undoes what the agent did", async () => {
  await begin();
  const turn = await ask("Finish the task Renew the domain");
  await ended(turn);
  expect(await turn.locator(".steps li").allTextContents()).toEqual(["Read your tasks", "Changed your tasks"]);
  await turn.getByRole("button", { name: "Copy", exact: true }).click();
  await turn.getByText("Copied").waitFor();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(
    await turn.locator(".tsr-text").first().textContent(),
  );
  const box = page.getByRole("checkbox", { name: "Done: Renew the domain" });
  expect(await box.isChecked()).toBe(true);
  await turn.getByRole("button", { name: "Undo" }).click();
  await turn.getByText("The changes were undone.").waitFor();
  expect(await box.isChecked()).toBe(false);
});

it("creates a deleted item again with its id", async () => {
  const id = () =>
    page.evaluate(() => {
      const { task } = JSON.parse(sessionStorage.getItem("tessera.items") ?? "{}") as {
        task: { id: string; title: string }[];
      };
      return task.find(({ title }) => title === "Choose the typeface")?.id;
    });
  const before = await id();
  const turn = await ask("Delete the task Choose the typeface");
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await ended(turn);
  expect(await id()).toBeUndefined();
  await turn.getByRole("button", { name: "Undo" }).click();
  await turn.getByText("The changes were undone.").waitFor();
  expect(await id()).toBe(before);
});

it("understands a follow-up, and leaves out what was edited away", async () => {
  await begin();
  await ended(await ask("What is overdue?"));
  await ended(await ask("List my notes"));
  const edited = turns().last();
  await edited.getByRole("button", { name: "Edit", exact: true }).click();
  await page.getByLabel("Edit the message").fill("Show the timeline");
  await page.keyboard.press("Enter");
  const again = page.getByRole("main").getByRole("article", { name: "Show the timeline" });
  await ended(again);
  expect(await turns().count()).toBe(2);
  const sent = watch.sent.findLast(({ type }) => type === "home_request");
  const history = sent?.["conversation_history"] as { role: string; content: string }[];
  expect(history.map(({ role }) => role)).toEqual(["user", "assistant"]);
  expect(history[0]?.content).toBe("What is overdue?");
  await again.getByRole("button", { name: "Regenerate" }).click();
  await ended(turns().last());
  expect(await turns().count()).toBe(2);
  expect(watch.sent.findLast(({ type }) => type === "home_request")?.["request_id"]).not.toBe(sent?.["request_id"]);
});

it("stops with Escape, and shows the caret and readable text while it answers", async () => {
  await begin();
  const turn = await ask("Give me an overview");
  await turn.locator(".tsr-text").first().waitFor();
  await field().focus();
  await page.keyboard.press("Escape");
  await ended(turn, "cancelled");
  // An answer does not last as long as axe needs, so its look is checked when it has ended.
  await turn.evaluate((element) => element.setAttribute("data-status", "running"));
  const caret = await turn
    .locator(".tsr-text > :last-child")
    .last()
    .evaluate((text) => getComputedStyle(text, "::after").animationName);
  expect(caret).toBe("caret");
  // At any moment of any animation: no rule fades text.
  const faded = await page.evaluate(() =>
    document
      .getAnimations()
      .filter(({ effect }) => (effect as KeyframeEffect).getKeyframes().some((frame) => "opacity" in frame))
      .map(({ effect }) => (effect as KeyframeEffect).target?.textContent ?? "")
      .filter((text) => text !== ""),
  );
  expect(faded).toEqual([]);
  expect(await seriousFindings(page)).toEqual([]);
  await turn.evaluate((element) => element.setAttribute("data-status", "cancelled"));
});

it("sends a request again with its id if the connection failed", async () => {
  await begin();
  await server.down();
  await page.getByRole("status").filter({ hasText: "Not connected" }).waitFor();
  await field().fill("What is overdue?");
  await page.keyboard.press("Enter");
  const failed = turns().last();
  await ended(failed, "failed");
  const stored = async () =>
    (await page.evaluate(() => Object.entries(sessionStorage)))
      .filter(([key]) => key.startsWith("tessera.cards."))
      .flatMap(([, text]) => JSON.parse(text) as { message: string; snapshot: { requestId: string; status: string } }[])
      .at(-1)?.snapshot;
  await expect.poll(async () => (await stored())?.status).toBe("failed");
  const { requestId } = (await stored()) ?? {};
  await server.up();
  await page
    .getByRole("status")
    .filter({ hasText: /^Connected$/ })
    .waitFor();
  await failed.getByRole("button", { name: "Try again" }).click();
  await ended(turns().last());
  expect(await turns().count()).toBe(1);
  expect(watch.sent.findLast(({ type }) => type === "home_request")?.["request_id"]).toBe(requestId);
  // The browser itself reports each failed attempt to connect.
  watch.complaints.splice(0);
});

it("lists the conversations of the server, opens, renames and deletes them", async () => {
  await begin();
  await ended(await ask("How are my projects doing?"));
  const row = threads().getByRole("button", { name: "How are my projects doing?", exact: true });
  await row.waitFor();
  // Another tab of the same person has none of the answers: they come from the server.
  const [second] = await Promise.all([
    context.waitForEvent("page"),
    page.getByRole("button", { name: "Open a second device" }).click(),
  ]);
  await second.getByRole("status").filter({ hasText: "Connected" }).waitFor();
  await second.getByRole("button", { name: "New conversation" }).click();
  await second
    .getByRole("navigation", { name: "Conversations" })
    .getByRole("button", { name: "How are my projects doing?", exact: true })
    .click();
  await turns(second).first().locator(".tsr-table").last().waitFor();
  await second.close();
  await page.bringToFront();
  await threads().getByRole("button", { name: "Rename: How are my projects doing?" }).click();
  await threads().getByLabel("Title").fill("Projects");
  await page.keyboard.press("Enter");
  await threads().getByRole("button", { name: "Projects", exact: true }).waitFor();
  await threads().getByRole("button", { name: "Delete: Projects" }).click();
  await threads().getByRole("button", { name: "Keep" }).click();
  await threads().getByRole("button", { name: "Delete: Projects" }).click();
  await threads().getByRole("button", { name: "Delete", exact: true }).click();
  await threads().getByRole("button", { name: "Projects", exact: true }).waitFor({ state: "detached" });
  await page.getByText("What would you like to do?").waitFor();
});

it("keeps the conversation and the state of the drawer over a reload", async () => {
  await ended(await ask("What is overdue?"));
  const drawer = page.getByRole("complementary", { name: "Frames and memory" });
  expect(await drawer.count()).toBe(0);
  await page.getByRole("button", { name: "Inspector" }).click();
  await page.reload();
  await drawer.waitFor();
  await ended(turns().last());
  expect(await turns().count()).toBe(1);
  await page.getByRole("button", { name: "Inspector" }).click();
  await page.reload();
  await turns().last().waitFor();
  expect(await drawer.count()).toBe(0);
});

it("filters, searches and toggles items, and undoes a deletion and a reset", async () => {
  const tasks = page.getByRole("list", { name: "tasks", exact: true });
  const rows = tasks.getByRole("listitem");
  const all = await rows.count();
  await page.getByLabel("Show", { exact: true }).selectOption("overdue");
  expect(await tasks.locator("time.late").count()).toBe(await rows.count());
  expect(await rows.count()).toBe(2);
  await page.getByRole("checkbox", { name: "Done: Fix the broken image export" }).click();
  await expect.poll(() => rows.count()).toBe(1);
  await page.getByLabel("Show", { exact: true }).selectOption("all");
  await page.getByLabel("Search").fill("PILOT users");
  expect(await rows.count()).toBe(2);
  await page.getByLabel("Search").fill("");
  await page.getByLabel("project", { exact: true }).selectOption({ label: "Tide app pilot" });
  expect(await rows.count()).toBe(4);
  await page.getByLabel("project", { exact: true }).selectOption("");
  await page.getByRole("button", { name: "Delete Renew the domain" }).click();
  expect(await rows.count()).toBe(all - 1);
  await page.getByRole("button", { name: "Undo" }).last().click();
  expect(await rows.count()).toBe(all);
  await page.getByRole("button", { name: "Reset data" }).click();
  const box = page.getByRole("checkbox", { name: "Done: Fix the broken image export" });
  expect(await box.isChecked()).toBe(false);
  await page.getByRole("button", { name: "Undo" }).last().click();
  expect(await box.isChecked()).toBe(true);
  await page.getByRole("tab", { name: /^checkpoints/ }).click();
  await page.getByLabel("Show", { exact: true }).selectOption("waiting");
  await page.getByRole("checkbox", { name: "Approved: Pilot ends" }).click();
  await page.getByText("Nothing matches.").waitFor();
  await page.getByRole("tab", { name: /^tasks/ }).click();
});

it.each([390, 1280, 1440])(
  "has targets of at least 24 pixels and no sideways scrolling at %i pixels",
  async (width) => {
    await page.setViewportSize({ width, height: 844 });
    const small = await page.evaluate(() =>
      [...document.querySelectorAll("button, select, input, textarea, summary")]
        .map((element) => {
          // A check box in its label is as large as the label.
          const { width: wide, height } = (element.closest("label") ?? element).getBoundingClientRect();
          return { name: element.outerHTML.slice(0, 90), wide, height };
        })
        .filter(({ wide, height }) => wide > 0 && height > 0 && (wide < 24 || height < 24)),
    );
    expect(small).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    await page.setViewportSize({ width: 1280, height: 800 });
  },
);

it("moves the focus to the new answer on a phone", async () => {
  const phone = await browser.newContext({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  phone.setDefaultTimeout(20_000);
  const small = await phone.newPage();
  await opened(small);
  const turn = await ask("What is overdue?", small);
  await expect.poll(() => turn.evaluate((element) => element === document.activeElement)).toBe(true);
  await ended(turn);
  expect(await seriousFindings(small)).toEqual([]);
  await phone.close();
});

it("holds 200 tasks, long words and a text from right to left", async () => {
  await page.evaluate(() => {
    const items = JSON.parse(sessionStorage.getItem("tessera.items") ?? "{}");
    const long = "Donaudampfschifffahrtsgesellschaftskapitän".repeat(4);
    const more = Array.from({ length: 200 }, (_, at) => ({
      id: `x-${at}`,
      title:
        at % 3 === 0 ? `${long} ${at}` : at % 3 === 1 ? `راجع العقد مع مارتا قبل المعرض ${at}` : `Task number ${at}`,
      status: "todo",
      priority: "high",
      assignee: "me",
      dueDate: "2031-05-05",
      projectId: "p-harbour",
    }));
    sessionStorage.setItem("tessera.items", JSON.stringify({ ...items, task: [...items.task, ...more] }));
  });
  await page.reload();
  await page.getByRole("tab", { name: "tasks 214" }).waitFor();
  await begin();
  await ended(await ask("List my tasks"));
  await ended(await ask(`${"verylongword".repeat(40)} راجع العقد`));
  for (const width of [390, 1280, 1440]) {
    await page.setViewportSize({ width, height: 844 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    const wide = await page
      .locator(".turns-view, .data-panel")
      .evaluateAll((all) => all.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 1).length);
    expect(wide).toBe(0);
  }
});

it("is in the person's language, also from right to left", async () => {
  const arabic = await browser.newContext({ locale: "ar-EG", viewport: { width: 1280, height: 800 } });
  arabic.setDefaultTimeout(20_000);
  const other = await arabic.newPage();
  await other.goto(server.url);
  await other.getByRole("status").filter({ hasText: "متصل" }).waitFor();
  expect(await other.evaluate(() => document.documentElement.dir)).toBe("rtl");
  const list = await other.getByRole("navigation", { name: "المحادثات" }).boundingBox();
  expect(list?.x).toBeGreaterThan(640);
  await other.getByLabel("رسالة", { exact: true }).fill("What is overdue?");
  await other.keyboard.press("Enter");
  await ended(turns(other).last());
  for (const width of [390, 1280]) {
    await other.setViewportSize({ width, height: 844 });
    expect(await other.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
  }
  expect(await seriousFindings(other)).toEqual([]);
  await other.getByRole("button", { name: "إضافة", exact: true }).click();
  const labels = await other
    .getByRole("form", { name: "جديد: مهمة" })
    .locator("label, button, option")
    .allTextContents();
  expect(labels.join()).not.toMatch(/Title|Status|Due|Assignee|Project|Save|Cancel|todo|high/);
  await arabic.close();
});

it("loads little code before the first screen", async () => {
  const folder = resolve(import.meta.dirname, "../dist/assets");
  const files = await readdir(folder);
  const size = async (name: RegExp) => {
    const [file] = files.filter((candidate) => name.test(candidate));
    return gzipSync(await readFile(resolve(folder, file ?? "")), { level: 9 }).length;
  };
  // In bytes, compressed as the server sends them. At 1.6 Mbit/s, 100 kB take half a second.
  expect(await size(/^index-.*\.js$/)).toBeLessThan(80_000);
  expect(await size(/^Device-.*\.js$/)).toBeLessThan(85_000);
  // The style sheet and the first screen are in the page.
  expect(files.filter((name) => name.endsWith(".css"))).toEqual([]);
  expect(gzipSync(await readFile(resolve(folder, "../index.html")), { level: 9 }).length).toBeLessThan(14_000);
  const fresh = await browser.newContext();
  const first = await fresh.newPage();
  const responses: { readonly url: string; readonly headers: Record<string, string> }[] = [];
  first.on("response", (response) => responses.push({ url: response.url(), headers: response.headers() }));
  await opened(first);
  const scripts = responses.filter(({ url }) => url.endsWith(".js"));
  // Charts and highlighting are loaded when an answer needs them.
  expect(scripts.map(({ url }) => /assets\/(\w+)/.exec(url)?.[1]).sort()).toEqual(["Device", "index", "rolldown"]);
  for (const { headers } of scripts) expect(headers["cache-control"]).toContain("immutable");
  for (const { url, headers } of scripts)
    if (!url.includes("rolldown")) expect(headers["content-encoding"]).toBe("gzip");
  await fresh.close();
});
