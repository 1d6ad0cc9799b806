import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "./chromium.js";
import { Pictures } from "./pictures.js";
import { Server } from "./server.js";

// The evening of 9 March in New York is the morning of 10 March in Berlin, and its evening in Auckland.
const NOW = "2030-03-10T04:30:00Z";
const ZONES = [
  ["America/New_York", "due 9 Mar"],
  ["Europe/Berlin", "due 9 Mar, late"],
  ["Pacific/Auckland", "due 9 Mar, late"],
] as const;

let server: Server;
let browser: Browser;
const pictures = Pictures.wanted();

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start({ TESSERA_DEMO_PACE_S: "0" }), launch()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

async function ask(page: Page, message: string) {
  await page.getByLabel("Message", { exact: true }).fill(message);
  await page.keyboard.press("Enter");
  const card = page.getByRole("article", { name: message }).first();
  await card.and(page.locator('[data-status="completed"]')).waitFor();
  return card;
}

it.each(ZONES)("shows one task on one day in %s", async (timezoneId, due) => {
  const context = await browser.newContext({ timezoneId, locale: "en-GB", viewport: { width: 1200, height: 800 } });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  await page.goto(server.url);
  await page.getByRole("status").filter({ hasText: "Connected" }).waitFor();
  await page.clock.setFixedTime(NOW);
  const card = await ask(page, "create a task called Water the plants due 2030-03-09");
  const time = card.locator(".tsr-entity time");
  expect(await time.getAttribute("datetime")).toBe("2030-03-09");
  expect(await time.textContent()).toBe(due);
  await pictures?.ofBlock(page, `day-${timezoneId.split("/")[1]?.toLowerCase().replace("_", "-")}`, card);
  await context.close();
});
