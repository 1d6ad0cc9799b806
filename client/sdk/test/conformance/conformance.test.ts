import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { caseNames, Runner } from "./runner.js";

/** In these cases the client waits for seconds. */
const SLOW: ReadonlySet<string> = new Set(["half-open", "silent-server"]);

let runner: Runner;

beforeAll(async () => {
  runner = await Runner.start();
});

afterAll(() => runner.stop());

describe("the SDK conforms to the protocol", () => {
  test.each(caseNames().filter((name) => !SLOW.has(name)))("%s", async (name) => {
    expect(await runner.play(name)).toMatchObject({ outcome: "passed", problem: "" });
  });
});

describe("the SDK conforms to the protocol, with a clock that runs fast", () => {
  afterEach(() => vi.useRealTimers());

  test.each([...SLOW])("%s", async (name) => {
    const every = setInterval;
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const clock = every(() => vi.advanceTimersByTime(100), 10);
    try {
      expect(await runner.play(name)).toMatchObject({ outcome: "passed", problem: "" });
    } finally {
      clearInterval(clock);
    }
  });
});
