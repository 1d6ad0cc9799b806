import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch, seriousFindings, Watch } from "./chromium.js";
import { Server } from "./server.js";

let server: Server;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start({ TESSERA_DEMO_PACE_S: "0.001" }), launch()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

const field = (page: Page) => page.getByLabel("Message", { exact: true });
const completed = (page: Page) => page.getByRole("main").locator('article[data-status="completed"]');
const turns = (page: Page) => page.getByRole("main").getByRole("article");

async function fresh(locale = "en-GB", width = 1280): Promise<{ context: BrowserContext; page: Page; watch: Watch }> {
  const context = await browser.newContext({ locale, viewport: { width, height: 800 } });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  return { context, page, watch: Watch.over(page) };
}

/** Answer no request for a script until the returned function is called. */
async function held(page: Page): Promise<() => void> {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(/\.js$/, async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

const requests = (watch: Watch) =>
  watch.sent.filter(({ type }) => type === "home_request").map((frame) => frame["message"]);

it("accepts messages before any script has loaded, says that they wait, and sends each once", async () => {
  const { context, page, watch } = await fresh();
  const release = await held(page);
  await page.goto(server.url, { waitUntil: "commit" });
  await page.getByRole("status").filter({ hasText: "Connecting" }).first().waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  const [title, box] = [page.getByText("What would you like to do?"), field(page)];
  const before = [await title.boundingBox(), await box.boundingBox()];
  await page.getByRole("button", { name: "What is overdue?" }).click();
  await page.getByText("Not sent yet: connecting…").waitFor();
  await box.fill("Show the timeline");
  await page.keyboard.press("Enter");
  await box.fill("An unfinished text");
  expect(await turns(page).count()).toBe(2);
  expect(watch.sent).toEqual([]);
  release();
  await page
    .getByRole("status")
    .filter({ hasText: /^Connected$/ })
    .waitFor();
  await completed(page).nth(1).waitFor();
  expect(requests(watch)).toEqual(["What is overdue?", "Show the timeline"]);
  expect(await turns(page).locator("h3").allTextContents()).toEqual(["What is overdue?", "Show the timeline"]);
  expect(await box.inputValue()).toBe("An unfinished text");
  expect(await box.evaluate((element) => element === document.activeElement)).toBe(true);
  expect(await page.getByText("Not sent yet").count()).toBe(0);
  // Nothing moves when the page takes over.
  await page.getByRole("button", { name: "New conversation" }).click();
  expect([await title.boundingBox(), await box.boundingBox()]).toEqual(before);
  expect(watch.complaints).toEqual([]);
  await context.close();
});

it("says that a script did not load, and sends the messages after a reload", async () => {
  const { context, page, watch } = await fresh("de-DE");
  await page.route(/assets\/index-.*\.js$/, (route) => route.abort());
  await page.goto(server.url);
  await page.getByText("Die Seite wurde nicht vollständig geladen. Laden Sie sie neu.").waitFor();
  const box = page.getByLabel("Nachricht", { exact: true });
  await box.fill("What is overdue?");
  await page.keyboard.press("Enter");
  await page.getByText("Noch nicht gesendet").waitFor();
  await page.unroute(/assets\/index-.*\.js$/);
  await page.reload();
  await completed(page).first().waitFor();
  expect(requests(watch)).toEqual(["What is overdue?"]);
  await page.reload();
  await page.getByRole("status").filter({ hasText: "Verbunden" }).waitFor();
  expect(await turns(page).count()).toBe(1);
  expect(requests(watch)).toEqual(["What is overdue?"]);
  await context.close();
});

it("keeps a message until the person has signed in, if no guest account can be made", async () => {
  const { context, page, watch } = await fresh("en-GB", 390);
  const release = await held(page);
  const refusal = { error: { code: "unavailable", message: "The server makes no accounts now.", retryable: true } };
  await page.route("**/auth/register", (route) => route.fulfill({ status: 503, json: refusal }));
  await page.goto(server.url, { waitUntil: "commit" });
  await field(page).fill("What is overdue?");
  await page.keyboard.press("Enter");
  release();
  await page.getByRole("alert").filter({ hasText: "The server makes no accounts now." }).waitFor();
  await page.getByText("Your message is kept. It is sent when you have signed in.").waitFor();
  expect(await field(page).isVisible()).toBe(false);
  await page.unroute("**/auth/register");
  await page.getByLabel("E-mail").fill("early@example.com");
  await page.getByLabel("Password").fill("correct horse battery");
  await page.getByRole("button", { name: "Create account" }).click();
  await completed(page).first().waitFor();
  expect(requests(watch)).toEqual(["What is overdue?"]);
  // On a phone, the facts of an item are below its title, which has the whole width.
  const title = await completed(page).locator(".tsr-entity-title").first().boundingBox();
  expect(title?.width).toBeGreaterThan(200);
  expect(title?.height).toBeLessThan(60);
  await context.close();
});

it("sends a message that waited for the first connection after a reload, with its id", async () => {
  const { context, page } = await fresh();
  let isOpen = false;
  const asked: unknown[] = [];
  await page.routeWebSocket(/./, (socket) => {
    if (!isOpen) return; // as a server that never answers
    const upstream = socket.connectToServer();
    socket.onMessage((text) => {
      const frame = JSON.parse(String(text));
      if (frame.type === "home_request") asked.push(frame.request_id);
      upstream.send(text);
    });
  });
  await page.goto(server.url);
  await page.getByRole("button", { name: "Open a second device" }).waitFor();
  await field(page).fill("What is overdue?");
  await page.keyboard.press("Enter");
  await page.getByText("Not sent yet: connecting…").waitFor();
  await field(page).fill("Show the timeline");
  await page.keyboard.press("Enter");
  await turns(page).nth(1).waitFor();
  const stored = () =>
    page.evaluate(() =>
      Object.entries(sessionStorage)
        .filter(([key]) => key.startsWith("tessera.cards."))
        .flatMap(([, text]) => JSON.parse(text) as { snapshot: { requestId: string; queued?: true } }[])
        .map(({ snapshot }) => [snapshot.requestId, snapshot.queued]),
    );
  await expect.poll(async () => (await stored()).length).toBe(2);
  const [first, second] = await stored();
  expect([first?.[1], second?.[1]]).toEqual([true, true]);
  isOpen = true;
  await page.reload();
  await completed(page).nth(1).waitFor();
  expect(asked).toEqual([first?.[0], second?.[0]]);
  await context.close();
});

it("is in the person's language and direction before any script has loaded", async () => {
  const { context, page } = await fresh("ar-EG", 390);
  await held(page);
  await page.goto(server.url, { waitUntil: "commit" });
  await page.getByLabel("رسالة", { exact: true }).waitFor();
  expect(await page.evaluate(() => [document.documentElement.lang, document.documentElement.dir])).toEqual([
    "ar",
    "rtl",
  ]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await context.close();
});
