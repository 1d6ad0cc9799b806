import { expect, test } from "vitest";
import { Backoff } from "../../src/backoff.js";

const options = { firstMs: 500, maxMs: 4000, stableMs: 10_000 };

test("delays double up to the maximum", () => {
  const backoff = new Backoff({ ...options, random: () => 1 });
  expect([1, 2, 3, 4, 5].map(() => backoff.next())).toEqual([500, 1000, 2000, 4000, 4000]);
});

test.each([
  [0, 250],
  [0.5, 375],
  [0.999, 499.75],
])("jitter %f makes of half a second %f ms", (random, delay) => {
  expect(new Backoff({ ...options, random: () => random }).next()).toBeCloseTo(delay);
});

test("a delay is at least the given minimum, with jitter", () => {
  expect(new Backoff({ ...options, random: () => 0 }).next(1000)).toBe(1000);
  expect(new Backoff({ ...options, random: () => 0.5 }).next(1000)).toBe(1250);
});

test("many failures do not overflow", () => {
  const backoff = new Backoff({ ...options, random: () => 1 });
  for (let attempt = 0; attempt < 5000; attempt += 1) {
    backoff.next();
  }
  expect(backoff.next()).toBe(4000);
});

test("a long session resets the delays, a short one does not", () => {
  const backoff = new Backoff({ ...options, random: () => 1 });
  backoff.next();
  backoff.sessionLasted(9999);
  expect(backoff.next()).toBe(1000);
  backoff.sessionLasted(10_000);
  expect(backoff.next()).toBe(500);
});
