import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { launch, seriousFindings, Watch, type WireFrame } from "./chromium.js";
import { Pictures } from "./pictures.js";
import { Server } from "./server.js";

let server: Server;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let watch: Watch;
const pictures = Pictures.wanted();

beforeAll(async () => {
  [server, browser] = await Promise.all([
    Server.start({ TESSERA_DEMO_PACE_S: "0.004", TESSERA_APPROVAL_TOOLS: "create_task" }),
    launch(),
  ]);
  context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: "light" });
  context.setDefaultTimeout(20_000);
  page = await context.newPage();
  watch = Watch.over(page);
});

afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

afterEach(() => {
  expect(watch.complaints.splice(0)).toEqual([]);
});

/** Send a message. Returns its article, the newest one. */
async function ask(message: string, on: Page = page): Promise<Locator> {
  const articles = on.getByRole("main").getByRole("article", { name: message, exact: true });
  const before = await articles.count();
  await on.getByLabel("Message", { exact: true }).fill(message);
  await on.getByRole("main").getByRole("button", { name: "Send", exact: true }).click();
  await articles.nth(before).waitFor();
  return articles.nth(before);
}

/** Open or close the drawer with the frames and the memory. */
async function drawer(on: Page = page): Promise<void> {
  await on.getByRole("button", { name: "Inspector" }).click();
}

/** Create an account in the form. On a server of this machine, the page first gets a guest account. */
async function signUp(email: string, on: Page): Promise<void> {
  await on.getByLabel("E-mail").fill(email);
  await on.getByLabel("Password").fill("correct horse battery");
  await on.getByRole("button", { name: "Create account" }).click();
  await on
    .getByRole("status")
    .filter({ hasText: /^Connected$/ })
    .waitFor();
}

async function signOut(on: Page): Promise<void> {
  await on.getByRole("button", { name: "Sign out" }).click();
  await on.getByRole("alert").getByRole("button", { name: "Sign out" }).click();
  await on.getByLabel("E-mail").waitFor();
}

/** The tasks in the device's data panel. */
function ownTasks(on: Page): Locator {
  return on.getByRole("list", { name: "tasks", exact: true });
}

async function ended(card: Locator, status = "completed", on: Page = page): Promise<void> {
  await card.and(on.locator(`[data-status="${status}"]`)).waitFor();
}

/** Begin a conversation, so that the page shows no answer. */
async function tidy(on: Page = page): Promise<void> {
  await on.getByRole("button", { name: "New conversation" }).click();
  await on.getByText("What would you like to do?").waitFor();
}

/** Begin a conversation, ask, and wait for the complete answer. */
async function answered(message: string): Promise<Locator> {
  await tidy();
  const card = await ask(message);
  await ended(card);
  return card;
}

/** The charts are drawn, with the labels of their axes: they load after the answer. */
async function drawn(card: Locator): Promise<void> {
  await card.locator(".recharts-cartesian-axis-tick-value").nth(6).waitFor();
}

it("opens with a guest account, without a form", async () => {
  const response = await page.goto(server.url);
  expect(response?.headers()["content-security-policy"]).toContain("default-src 'none'");
  await page.getByRole("status").filter({ hasText: "Connected" }).waitFor();
  await page.getByText("Guest", { exact: true }).waitFor();
  await page.getByText("What would you like to do?").waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await pictures?.ofPage(page, "playground-first");
});

it("keeps a guest account: it gets an address and a password, and everything stays", async () => {
  const fresh = await browser.newContext();
  fresh.setDefaultTimeout(20_000);
  const guest = await fresh.newPage();
  await guest.goto(server.url);
  await guest.getByRole("status").filter({ hasText: "Connected" }).waitFor();
  await ended(await ask("What is overdue?", guest), "completed", guest);
  await guest.getByRole("button", { name: "Keep this account" }).click();
  const form = guest.getByRole("form", { name: "Keep this account" });
  const wide = guest.viewportSize();
  await guest.setViewportSize({ width: 390, height: 844 });
  const [box, bar] = [await form.boundingBox(), await guest.locator(".top-bar").boundingBox()];
  expect(box?.height).toBeLessThan(400);
  expect(box?.y).toBeGreaterThan((bar?.y ?? 0) + (bar?.height ?? 0));
  expect(bar?.height).toBeLessThan(56); // one row
  await form.getByRole("button", { name: "Later" }).click();
  await guest.getByRole("button", { name: "Menu" }).click();
  await guest.getByRole("button", { name: "Keep this account" }).click();
  if (wide !== null) await guest.setViewportSize(wide);
  await form.getByLabel("E-mail").fill("gil@example.com");
  await form.getByLabel("Password").fill("password1");
  await form.getByRole("button", { name: "Save" }).click();
  await form.getByRole("alert").filter({ hasText: "most common" }).waitFor();
  expect(await seriousFindings(guest)).toEqual([]);
  await form.getByLabel("Password").fill("correct horse battery");
  await form.getByRole("button", { name: "Save" }).click();
  await guest.getByText("You can sign in as gil@example.com now.").waitFor();
  await form.waitFor({ state: "detached" });
  expect(await guest.getByRole("button", { name: "Keep this account" }).count()).toBe(0);
  await guest.getByText("gil@example.com", { exact: true }).waitFor();
  expect(await guest.getByRole("main").getByRole("article").count()).toBe(1);
  await guest.reload();
  await guest.getByText("gil@example.com", { exact: true }).waitFor();
  await signOut(guest);
  await guest.getByLabel("E-mail").fill("gil@example.com");
  await guest.getByLabel("Password").fill("correct horse battery");
  await guest.getByRole("button", { name: "Sign in" }).click();
  await guest.getByRole("navigation", { name: "Conversations" }).getByText("What is overdue?").waitFor();
  await fresh.close();
});

it("asks a second question in a popup with the first one in mind", async () => {
  await ended(await ask("What is overdue?"));
  const popup = page.getByRole("dialog", { name: /Renew the domain/ });
  await page.getByRole("button", { name: "Ask about Renew the domain" }).click();
  const sent = () => watch.sent.filter(({ type }) => type === "popup_request").map((frame) => frame["conversation_id"]);
  const before = sent().length;
  for (const message of ["What is this?", "Summarize this"]) {
    await popup.getByLabel("Ask about Renew the domain").fill(message);
    await page.keyboard.press("Enter");
    await ended(popup.getByRole("article").last());
    await popup.getByRole("article", { name: message }).waitFor();
  }
  const [first, second] = sent().slice(before);
  expect(first).toBeTruthy();
  expect(second).toBe(first);
  // The server has both as one conversation, whose exchanges are the history of the next answer.
  const stored = await page.evaluate(async (id) => {
    const { accessToken } = JSON.parse(sessionStorage.getItem("tessera.account") ?? "{}");
    const headers = { Authorization: `Bearer ${accessToken}` };
    return await (await fetch(`/api/v1/conversations/${id}`, { headers })).json();
  }, first);
  expect(stored.exchanges.map(({ message }: { message: string }) => message)).toEqual([
    "Summarize this",
    "What is this?",
  ]);
  // It belongs to the item: the list of conversations leaves it out, after a reload too.
  const list = page.getByRole("navigation", { name: "Conversations" });
  for (const reload of [false, true]) {
    if (reload) await page.reload();
    await list.getByText("What is overdue?").first().waitFor();
    expect(await list.getByText(/What is this|Summarize/).count()).toBe(0);
  }
  // After a reload the popup goes on in the same conversation.
  await page.reload();
  await page.getByRole("button", { name: "Ask about Renew the domain" }).click();
  await popup.getByRole("button", { name: "Close popup" }).click();
});

it("deletes everything at sign-out, so that the next person sees none of it", async () => {
  await page.getByRole("button", { name: "Delete Renew the domain" }).click();
  await ended(await ask("What is overdue?"));
  await signOut(page);
  expect(await seriousFindings(page)).toEqual([]);
  const left = await page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.startsWith("tessera.")));
  expect(left).toEqual([]);
  await page.reload();
  await signUp("ann@example.com", page);
  await ownTasks(page).getByText("Renew the domain").waitFor();
  expect(await page.getByRole("main").getByRole("article").count()).toBe(0);
  await page.getByText("Your conversations appear here.").waitFor();
});

it("focuses the question first, with the keyboard and in a narrow window", async () => {
  const field = page.getByLabel("Message", { exact: true });
  const focused = () => field.evaluate((element) => element === document.activeElement);
  expect(await focused()).toBe(true);
  await page.reload();
  await page.getByRole("status").filter({ hasText: "Connected" }).waitFor();
  await page.getByLabel("Theme").focus();
  await page.getByRole("link", { name: "Skip to the question" }).focus();
  expect(await focused()).toBe(false);
  await page.keyboard.press("Enter");
  await expect.poll(focused).toBe(true);
  await page.setViewportSize({ width: 390, height: 844 });
  const asking = await field.boundingBox();
  expect((asking?.y ?? 844) + (asking?.height ?? 0)).toBeLessThanOrEqual(844);
  expect(asking?.y).toBeGreaterThan(422);
  expect(await ownTasks(page).isVisible()).toBe(false);
  await page.getByRole("button", { name: "My data" }).click();
  expect(await ownTasks(page).isVisible()).toBe(true);
  await page.getByRole("button", { name: "My data" }).click();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(wide).toBeLessThanOrEqual(390);
  await page.setViewportSize({ width: 1440, height: 900 });
});

it("runs under a Content-Security-Policy, and the test detects violations", async () => {
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "globalThis.ran = true";
    const style = document.createElement("style");
    style.textContent = "body { color: red }";
    document.body.append(script, style);
    const elsewhere = fetch("http://127.0.0.1:9/").catch(() => undefined);
    for (const element of [script, style]) element.remove();
    return elsewhere.then(() => "ran" in globalThis);
  });
  expect(ran).toBe(false);
  const heard = watch.complaints.splice(0).join("\n");
  for (const directive of ["script-src", "style-src", "connect-src"]) {
    expect(heard).toMatch(new RegExp(`Content Security Policy directive\\W+${directive} `));
  }
});

it("shows text while it streams", async () => {
  // The page itself observes each change, so the test cannot miss one.
  await page.evaluate(() => {
    const lengths: number[] = [];
    Object.assign(globalThis, { lengths });
    new MutationObserver(() => {
      const running = document.querySelector('.request[data-status="running"] .tsr-text');
      const length = running?.textContent?.length ?? 0;
      if (length > (lengths.at(-1) ?? 0)) lengths.push(length);
    }).observe(document, { childList: true, characterData: true, subtree: true });
  });
  const card = await ask("What should I do today?");
  await ended(card);
  expect(await card.locator(".tsr-text").first().textContent()).toContain("You have");
  const lengths = await page.evaluate(() => (globalThis as unknown as { lengths: number[] }).lengths);
  // On a busy machine, the server merges text that waits, and the page renders several frames together.
  expect(lengths.length).toBeGreaterThan(2);
});

type Points = readonly Record<string, unknown>[];

/** The selector of a chart's shapes, and the number that its data requires. */
const SHAPES: Readonly<Record<string, readonly [selector: string, count: (points: Points, keys: string[]) => number]>> =
  {
    bar: [".recharts-bar-rectangle path", values],
    line: [".recharts-line-dots circle", values],
    area: [".recharts-area-area", (_, keys) => keys.length],
    pie: [".recharts-pie-sector path", positive],
    radar: [".recharts-radar-dots circle", values],
    radial: [".recharts-radial-bar-sectors .recharts-radial-bar-sector", positive],
  };

function values(points: Points, keys: string[]): number {
  return points.flatMap((point) => keys.filter((key) => typeof point[key] === "number")).length;
}

function positive(points: Points, keys: string[]): number {
  return points.flatMap((point) => keys.filter((key) => Number(point[key]) > 0)).length;
}

describe("charts", () => {
  it.each([
    ["bar", "Bar chart of tasks by status"],
    ["line", "Line chart of tasks by day"],
    ["area", "Area chart of tasks by day"],
    ["pie", "Pie chart of tasks by priority"],
    ["radar", "Radar chart of tasks by day"],
    ["radial", "Radial chart of tasks by status"],
  ])("a %s chart has a shape for each of its data", async (chartType, message) => {
    const card = await answered(message);
    const data = watch.latest("chart");
    expect(data["chartType"]).toBe(chartType);
    const [selector, count] = SHAPES[chartType] ?? ["", () => -1];
    const [points, keys] = [data["data"] as Points, Object.keys(data["config"] as object)];
    expect(points.length).toBeGreaterThan(1);
    const figure = card.getByRole("figure");
    await figure.locator("svg").first().waitFor();
    const shapes = await figure
      .locator(selector)
      .evaluateAll((all) => all.filter((shape) => shape.getAttribute("d") !== ""));
    expect(shapes.length).toBe(count(points, keys));
    // The plot is drawn: it has more than one colour.
    const colors = await figure
      .locator("svg [fill], svg [stroke]")
      .evaluateAll((all) => [
        ...new Set(all.map((shape) => getComputedStyle(shape).fill + getComputedStyle(shape).stroke)),
      ]);
    expect(colors.length).toBeGreaterThan(1);
    await figure.getByRole("button", { name: "Figures" }).click();
    expect(await figure.getByRole("row").count()).toBe(points.length + 1);
    await figure.getByRole("button", { name: "Figures" }).click();
    expect(await seriousFindings(page, "main")).toEqual([]);
    await pictures?.ofBlock(page, `chart-${chartType}`, figure);
  });
});

it("a table has its rows, and sorts them", async () => {
  const card = await answered("Show my week as a table");
  const { headers, rows } = watch.latest("table") as { headers: string[]; rows: unknown[][] };
  const table = card.locator(".tsr-table").last();
  expect(await table.locator("thead th").count()).toBe(headers.length);
  expect(await table.locator("tbody tr").count()).toBe(rows.length);
  const first = table.locator("tbody tr td:first-child");
  const before = await first.allTextContents();
  await table.getByRole("button", { name: headers[0] ?? "" }).click();
  expect(await first.allTextContents()).toEqual([...before].sort((a, b) => a.localeCompare(b)));
  expect(await seriousFindings(page, "main")).toEqual([]);
  await pictures?.ofBlock(page, "table", table.locator("xpath=ancestor::*[contains(@class, 'tsr-block')]"));
});

it("a timeline has a row per checkpoint, marked in order", async () => {
  const card = await answered("Show the timeline");
  const { checkpoints } = watch.latest("timeline") as { checkpoints: unknown[] };
  const timeline = card.locator(".tsr-timeline");
  expect(await timeline.getByRole("listitem").count()).toBe(checkpoints.length);
  const places = await timeline
    .locator(".tsr-mark")
    .evaluateAll((all) => all.map((mark) => mark.getBoundingClientRect().x));
  expect(new Set(places).size).toBe(checkpoints.length);
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(await seriousFindings(page, "main")).toEqual([]);
  await pictures?.ofBlock(page, "timeline", timeline);
});

it.each([
  ["List my tasks", "rows"],
  ["Search my notes for the", "cards"],
])("%s shows %s", async (message, layout) => {
  const card = await answered(message);
  const { items } = watch.latest("entity_ref") as { items: unknown[] };
  expect(items.length).toBeGreaterThan(0);
  expect(await card.locator(`.tsr-${layout} .tsr-entity`).count()).toBe(items.length);
  expect(await seriousFindings(page, "main")).toEqual([]);
  await pictures?.ofBlock(page, `items-${layout}`, card.locator(`.tsr-${layout}`));
});

it("answers with text only if there is nothing to show", async () => {
  const card = await answered("What can you do?");
  expect(await card.locator(".tsr-answer > *").count()).toBe(2);
  await pictures?.ofBlock(page, "text", card);
});

it("answers a popup on an item", async () => {
  await page.getByRole("button", { name: "Ask about Renew the domain" }).click();
  const popup = page.getByRole("dialog", { name: /Renew the domain/ });
  await popup.getByLabel("Ask about Renew the domain").fill("What is this?");
  await page.keyboard.press("Enter");
  const card = popup.getByRole("article");
  await ended(card);
  const answer = await card.locator(".tsr-text").textContent();
  expect(answer).toContain("Renew the domain");
  expect(await seriousFindings(page)).toEqual([]);
  await popup.getByRole("button", { name: "Insert into note" }).click();
  await popup.getByLabel("Ask about Renew the domain").focus();
  await page.keyboard.press("Escape");
  await popup.waitFor({ state: "detached" });

  // The answer is a note now, in which a second one is inserted, and which then gets the answer as its text.
  await page.getByRole("tab", { name: /^notes/ }).click();
  await page.getByRole("button", { name: "Ask about Renew the domain" }).click();
  const note = page.getByRole("dialog", { name: /note Renew the domain/ });
  await note.getByRole("button", { name: "Summarize this" }).click();
  const summary = note.getByRole("article").last();
  await ended(summary);
  const text = async () => {
    const stored = await page.evaluate(() => sessionStorage.getItem("tessera.items"));
    const { note: notes } = JSON.parse(stored ?? "{}") as { note: { title: string; content: string }[] };
    return notes.find(({ title }) => title === "Renew the domain")?.content;
  };
  const whole = async (of: Locator) => (await of.locator(".tsr-text").allTextContents()).join("\n\n");
  expect(await text()).toBe(answer);
  await summary.getByRole("button", { name: "Insert into note" }).click();
  expect(await text()).toBe(`${answer}\n\n${await whole(summary)}`);
  await summary.getByRole("button", { name: "Apply" }).click();
  expect(await text()).toBe(await whole(summary));
  const earlier = page.getByRole("button", { name: /^Dismiss: Inserted/ });
  while ((await earlier.count()) > 0) await earlier.first().click();
  await pictures?.ofPage(page, "popup");
  await page.getByRole("button", { name: "Undo" }).last().click();
  expect(await text()).toBe(`${answer}\n\n${await whole(summary)}`);
  await note.getByRole("button", { name: "Close popup" }).click();
  await page.getByRole("button", { name: "Delete Renew the domain" }).click();
  const dismiss = page.getByRole("button", { name: /^Dismiss:/ });
  while ((await dismiss.count()) > 0) await dismiss.first().click();
  await page.getByRole("tab", { name: /^tasks/ }).click();
});

it("runs several requests at the same time, in one column with the newest at the bottom", async () => {
  await tidy();
  const questions = ["How are my projects doing?", "What is overdue?", "Show the timeline"];
  const cards: Locator[] = [];
  for (const question of questions) cards.push(await ask(question));
  await Promise.all(cards.map((card) => ended(card)));
  const boxes = await Promise.all(cards.map((card) => card.boundingBox()));
  expect(new Set(boxes.map((box) => box?.x)).size).toBe(1);
  const tops = boxes.map((box) => box?.y ?? 0);
  expect(tops).toEqual([...tops].sort((a, b) => a - b));
  expect(await seriousFindings(page)).toEqual([]);
});

it("stops an answer", async () => {
  // The page presses the button as soon as there is text, before the answer can complete.
  await page.evaluate(() => {
    const watching = new MutationObserver(() => {
      if (document.querySelector('.request[data-status="running"] .tsr-text') === null) return;
      const button = [...document.querySelectorAll("button")].find(({ textContent }) => textContent === "Stop");
      if (button === undefined) return;
      watching.disconnect();
      button.click();
    });
    watching.observe(document, { childList: true, subtree: true });
  });
  const card = await ask("Give me an overview");
  await ended(card, "cancelled");
  expect(await card.getByText("Stopped.").isVisible()).toBe(true);
  const id = watch.received.findLast(({ type }) => type === "stream_start")?.["request_id"];
  expect(watch.received.findLast(({ request_id }) => request_id === id)).toMatchObject({
    type: "stream_end",
    status: "cancelled",
  });
});

it("shows skeletons of open blocks", async () => {
  // A skeleton is visible only for a moment, so the page itself observes them.
  await page.evaluate(() => {
    const seen = new Set<string>();
    Object.assign(globalThis, { seen });
    new MutationObserver(() => {
      for (const { ariaLabel } of document.querySelectorAll(".tsr-skeleton")) seen.add(ariaLabel ?? "");
    }).observe(document, { childList: true, subtree: true });
  });
  const card = await ask("Give me an overview");
  await ended(card);
  const seen = await page.evaluate(() => [...(globalThis as unknown as { seen: Set<string> }).seen].sort());
  expect(seen).toEqual(["Chart loading", "Items loading", "Table loading", "Timeline loading"]);
  expect(await page.locator(".tsr-skeleton").count()).toBe(0);
});

it("asks before a tool that needs approval, with fields to edit", async () => {
  const card = await ask("Create a task called Water the plants");
  const dialog = page.getByRole("dialog", { name: "Create “Water the plants”?" });
  expect(await seriousFindings(page)).toEqual([]);
  await dialog.getByLabel("Title").fill("Water the garden");
  await dialog.getByRole("button", { name: "Create as edited" }).click();
  await ended(card);
  await ownTasks(page).getByText("Water the garden").waitFor();
});

it("deletes nothing that the person refuses", async () => {
  const card = await ask("Delete the task Renew the domain");
  await page.getByRole("dialog", { name: "Delete “Renew the domain”?" }).waitFor();
  await pictures?.ofBlock(page, "approval", page.getByRole("dialog"));
  await page.keyboard.press("Escape");
  await ended(card);
  expect(await ownTasks(page).getByText("Renew the domain").count()).toBe(1);
});

it("deletes what the person approves, here and in a second tab", async () => {
  const [second] = await Promise.all([
    context.waitForEvent("page"),
    page.getByRole("button", { name: "Open a second device" }).click(),
  ]);
  const complaints = Watch.over(second);
  await second.getByRole("status").filter({ hasText: "Connected" }).waitFor();
  const there = ownTasks(second);
  await there.getByText("Renew the domain").waitFor();

  await page.bringToFront();
  const card = await ask("Delete the task Renew the domain");
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await ended(card);
  await card.getByText("1 change made").waitFor();
  expect(await ownTasks(page).getByText("Renew the domain").count()).toBe(0);
  await there.getByText("Renew the domain").waitFor({ state: "detached" });
  await second.getByText("Another device deleted “Renew the domain”.").waitFor();

  // An edit by hand on the second device reaches the first.
  await second.bringToFront();
  await second.getByRole("button", { name: "Edit Choose the typeface" }).click();
  await second.getByLabel("Title").fill("Choose two typefaces");
  await second.getByRole("button", { name: "Save" }).click();
  await ownTasks(page).getByText("Choose two typefaces").waitFor();

  // The second device answers a question of the first, whose dialog closes.
  await page.bringToFront();
  const asked = await ask("Delete the task Choose two typefaces");
  await page.getByRole("dialog").waitFor();
  await second.bringToFront();
  const question = second.getByRole("dialog", { name: "Delete “Choose two typefaces”?" });
  await question.getByText("Another device of yours asks this.").waitFor();
  await question.getByRole("button", { name: "Delete", exact: true }).click();
  await page.bringToFront();
  await ended(asked);
  await asked.getByText("1 change made").waitFor();
  expect(await page.getByRole("dialog").count()).toBe(0);
  expect(await ownTasks(page).getByText("Choose two typefaces").count()).toBe(0);
  expect(complaints.complaints).toEqual([]);
  await second.close();
  await page.bringToFront();
});

it("shows every frame in order of time, with its direction and size", async () => {
  const inspector = page.getByRole("region", { name: "Frames", exact: true });
  expect(await inspector.count()).toBe(0);
  await drawer();
  // A late frame of the answer before could come between the two resets, and would be counted by one side only.
  let counted = -1;
  const calm = () => {
    const before = counted;
    counted = watch.received.length + watch.sent.length;
    return counted === before;
  };
  await expect.poll(calm, { interval: 500, timeout: 20_000 }).toBe(true);
  await inspector.getByRole("button", { name: "Clear" }).click();
  watch.received.length = watch.sent.length = 0;
  await answered("What is overdue?");
  // A frame may still arrive, so both are read each time.
  const uncounted = async () => {
    const shown = Number.parseInt((await inspector.getByText(/^\d+ frames/).textContent()) ?? "", 10);
    return watch.received.length + watch.sent.length - shown;
  };
  await expect.poll(uncounted, { timeout: 20_000 }).toBe(0);
  await inspector.getByLabel("Show frames of type").selectOption("stream_end");
  const rows = inspector.getByRole("table").locator("tbody tr");
  expect(await rows.count()).toBe(watch.received.filter(({ type }) => type === "stream_end").length);
  await rows.last().getByRole("button").click();
  const latest = watch.received.findLast(({ type }) => type === "stream_end");
  expect(JSON.parse((await inspector.locator(".frame").textContent()) ?? "")).toEqual(latest);
  expect(await rows.last().locator("td").last().textContent()).toBe(String(Buffer.byteLength(JSON.stringify(latest))));
  await inspector.getByLabel("Show frames of type").selectOption("");
  const list = inspector.getByRole("region", { name: "List of frames" });
  const toEnd = () => list.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight);
  await inspector.getByRole("button", { name: "stream_end" }).last().click();
  await answered("Give me an overview");
  await list.evaluate((element) => element.scrollTo(0, element.scrollHeight));
  const totals = () => inspector.getByTestId("frame-totals").textContent();
  const before = await totals();
  await answered("Show the timeline");
  await expect.poll(totals).not.toBe(before);
  await expect.poll(toEnd).toBeLessThan(2);
  await list.evaluate((element) => element.scrollTo(0, 40));
  await answered("What is overdue?");
  expect(await toEnd()).toBeGreaterThan(8);
  const times = await rows.locator("td:first-child").allTextContents();
  expect(times).toEqual([...times].sort());
  expect(await seriousFindings(page)).toEqual([]);
});

it("shows all memories and the used ones, forgets one, and erases all", async () => {
  const card = await answered("What is overdue?");
  await card.getByText(/memor(y|ies) used/).click();
  await card.getByRole("button", { name: "Forget" }).first().click();
  await card.getByText("Forgotten").first().waitFor();
  // Forgetting one memory may remove all of them: a fact that was learned from several conversations goes with each.
  await answered("Show the timeline");
  await page.getByRole("tab", { name: "Frames" }).focus();
  await page.keyboard.press("ArrowRight");
  expect(await page.getByRole("tab", { name: "Memory", selected: true }).count()).toBe(1);
  const memory = page.getByRole("region", { name: "Memory" });
  await memory.getByRole("button", { name: "Show memories" }).click();
  const outcome = memory.getByRole("status");
  await outcome.filter({ hasText: /./ }).waitFor();
  expect(await outcome.textContent()).toMatch(/^Memories: \d+$/);
  await memory.getByRole("heading", { name: "Conversations" }).waitFor();
  const before = await memory.getByRole("listitem").count();
  const forget = await memory
    .getByRole("button", { name: /^Forget/ })
    .first()
    .boundingBox();
  expect(forget?.width).toBeGreaterThan(forget?.height ?? 0);
  await memory
    .getByRole("button", { name: /^Forget/ })
    .first()
    .click();
  await memory.getByText(/^Forgotten in:/).waitFor();
  expect(await memory.getByRole("listitem").count()).toBeLessThan(before);
  expect(await seriousFindings(page)).toEqual([]);
  await memory.getByRole("button", { name: "Erase all memories" }).click();
  await memory.getByRole("button", { name: "Erase", exact: true }).click();
  await memory.getByText(/Everything is erased/).waitFor();
  expect(await memory.getByRole("listitem").count()).toBe(0);
  await page.getByRole("tab", { name: "Frames" }).click();
  await drawer();
});

it("connects again after a restart of the server", async () => {
  await server.down();
  await page.getByRole("status").filter({ hasText: "Not connected" }).waitFor();
  await page.getByLabel("Message", { exact: true }).fill("Anything?");
  await page.keyboard.press("Enter");
  await page
    .getByRole("article", { name: "Anything?" })
    .getByText(/^You are not connected to the server/)
    .waitFor();
  await server.up();
  await page
    .getByRole("status")
    .filter({ hasText: /^Connected$/ })
    .waitFor();
  await answered("What should I do today?");
  // The browser itself reports each failed attempt to connect.
  const others = watch.complaints.splice(0).filter((text) => !/WebSocket connection to .* failed/.test(text));
  expect(others).toEqual([]);
});

it("keeps finished answers over a reload, and running ones go on", async () => {
  await answered("What should I do today?");
  const running = await ask("Give me an overview");
  await running.locator(".tsr-text").first().waitFor();
  await running.and(page.locator('[data-status="running"]')).waitFor();
  await page.reload();
  const kept = page.getByRole("article", { name: "What should I do today?" });
  await kept.locator(".tsr-text").getByText("You have").waitFor();
  const again = page.getByRole("article", { name: "Give me an overview" });
  await ended(again);
  // A chart draws its axes a moment after the answer has ended, and only while it is visible.
  await drawn(again);
  const text = await again.locator(".tsr-answer").textContent();
  const uncut = await answered("Give me an overview");
  await drawn(uncut);
  // In a new conversation, the demo model introduces itself first.
  const introduction = "I am Tessera's demo model: rules, not a language model. ";
  expect(await uncut.locator(".tsr-answer").textContent()).toBe(`${introduction}${text}`);
});

it("asks again after a reload, and runs the approved call once", async () => {
  await tidy();
  const title = "Water the roses";
  await ask(`Create a task called ${title}`);
  await page.getByRole("dialog", { name: `Create “${title}”?` }).waitFor();
  await page.reload();
  const dialog = page.getByRole("dialog", { name: `Create “${title}”?` });
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await ended(page.getByRole("article", { name: `Create a task called ${title}` }));
  expect(await ownTasks(page).getByText(title).count()).toBe(1);
});

it("goes on after a cut of the connection, and shows the same as without", async () => {
  const other = await context.newPage();
  // The connection is cut behind this frame of an answer.
  let cutBehind = 0;
  let resumed: unknown;
  await other.routeWebSocket(/\/ws\/device$/, (socket) => {
    const real = socket.connectToServer();
    let texts = 0;
    real.onMessage((message) => {
      socket.send(message);
      const { type, resume } = JSON.parse(String(message)) as WireFrame;
      if (type === "device_ready") resumed = resume;
      if (type === "stream_text" && cutBehind > 0) {
        texts += 1;
        if (texts === cutBehind) {
          cutBehind = 0;
          void socket.close({ code: 4000 });
          void real.close();
        }
      }
    });
  });
  await other.goto(server.url);
  await other
    .getByRole("status")
    .filter({ hasText: /^Connected$/ })
    .waitFor();
  const uncut = await ask("What should I do today?", other);
  await ended(uncut, "completed", other);
  await drawn(uncut);
  const whole = await uncut.locator(".tsr-answer").textContent();
  await tidy(other);
  // The page itself observes the state of the connection, which lasts only for a moment.
  await other.evaluate(() => {
    const states: string[] = [];
    Object.assign(globalThis, { states });
    const connection = document.querySelector(".connection");
    const note = () => states.push(connection?.textContent ?? "");
    if (connection !== null) new MutationObserver(note).observe(connection, { characterData: true, subtree: true });
  });
  cutBehind = 12;
  const card = await ask("What should I do today?", other);
  await ended(card, "completed", other);
  expect(resumed).toBe("resumed");
  const states = await other.evaluate(() => (globalThis as unknown as { states: string[] }).states.join("\n"));
  expect(states).toMatch(/^(Not connected|Connecting)/);
  await drawn(card);
  expect(await card.locator(".tsr-answer").textContent()).toBe(whole);
  await drawer(other);
  await pictures?.ofPage(other, "playground-after-a-cut");
  await drawer(other);
  await other.close();
});

it("is accessible in the dark theme, after a reload", async () => {
  await page.reload();
  await page.getByRole("status").filter({ hasText: "Connected" }).waitFor();
  await page.emulateMedia({ colorScheme: "dark" });
  for (const message of ["Give me an overview", "How are my projects doing?", "Show the timeline"])
    await ended(await ask(message));
  expect(await seriousFindings(page)).toEqual([]);
  await page.emulateMedia({ colorScheme: "light" });
  await page.getByLabel("Theme").selectOption("dark");
  expect(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme)).toBe("dark");
  await page.reload();
  expect(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme)).toBe("dark");
  await page.getByLabel("Theme").selectOption("system");
  const card = await answered("How are my projects doing?");
  await drawn(card);
  await card.evaluate((turn) => turn.scrollIntoView({ block: "start" }));
  await pictures?.ofThemes(page, "playground");
  await page.setViewportSize({ width: 390, height: 844 });
  await card.evaluate((turn) => turn.scrollIntoView({ block: "start" }));
  await pictures?.ofPage(page, "playground-phone");
  await page.getByRole("button", { name: "My data" }).click();
  await pictures?.ofPage(page, "playground-phone-data");
});
