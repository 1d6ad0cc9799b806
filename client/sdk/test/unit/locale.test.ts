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

  it.each([undefined, "Etc/Unknown"])("has no time zone if Intl has %s", (timeZone) => {
    vi.useRealTimers(); // fake timers have their own `Intl`
    const options = Intl.DateTimeFormat.prototype.resolvedOptions;
    vi.spyOn(Intl.DateTimeFormat.prototype, "resolvedOptions").mockImplementation(function (this: Intl.DateTimeFormat) {
      return { ...options.call(this), timeZone: timeZone as string };
    });
    expect(intlLocale()).not.toHaveProperty("time_zone");
    expect(intlLocale().language).toBeDefined();
    vi.restoreAllMocks();
  });

  it("is told without a time zone that the server does not know, until the zone changes", () => {
    let here = HOME;
    const watch = new LocaleWatch(
      () => here,
      () => {},
    );
    expect(watch.hello).toEqual({ locale: HOME });
    expect(watch.refused("device_hello.token: too long")).toBe(false);
    expect(watch.refused("device_hello.locale.time_zone: not a time zone")).toBe(true);
    expect(watch.hello).toEqual({ locale: { language: HOME.language } });
    expect(watch.refused("device_hello.locale.time_zone: not a time zone")).toBe(false);
    here = AWAY;
    expect(watch.hello).toEqual({ locale: AWAY });
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
