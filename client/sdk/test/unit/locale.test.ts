import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { WsLocale } from "../../src/index.js";
import { intlLocale, LocaleWatch } from "../../src/locale.js";

const HOME: WsLocale = { time_zone: "Europe/Berlin", language: "de-DE" };
const AWAY: WsLocale = { time_zone: "Asia/Kathmandu", language: "de-DE" };

describe("the locale", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("is that of Intl", () => {
    const found = intlLocale();
    expect(found.time_zone).toBe(new Intl.DateTimeFormat().resolvedOptions().timeZone);
    expect(() => new Intl.Locale(found.language ?? "")).not.toThrow();
  });

  it("is told in the hello, and again once when it has changed", () => {
    let here = HOME;
    const sent: WsLocale[] = [];
    const watch = new LocaleWatch(
      () => here,
      (locale) => sent.push(locale),
    );
    watch.look();
    expect(sent).toEqual([]); // device_hello was not sent
    expect(watch.hello).toEqual({ locale: HOME });
    watch.start();
    vi.advanceTimersByTime(120_000);
    expect(sent).toEqual([]);
    here = AWAY;
    vi.advanceTimersByTime(60_000);
    watch.look();
    expect(sent).toEqual([AWAY]);
    watch.stop();
    here = HOME;
    vi.advanceTimersByTime(120_000);
    expect(sent).toEqual([AWAY]);
  });

  it("is told again after a failure to send", () => {
    let [here, online] = [HOME, false];
    const sent: WsLocale[] = [];
    const watch = new LocaleWatch(
      () => here,
      (locale) => {
        if (!online) throw new Error("offline");
        sent.push(locale);
      },
    );
    expect(watch.hello.locale).toEqual(HOME);
    here = AWAY;
    watch.look();
    online = true;
    watch.look();
    expect(sent).toEqual([AWAY]);
  });
});
