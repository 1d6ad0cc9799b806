import type { WsLocale } from "./generated/protocol.js";

type WeekInfo = { readonly firstDay?: number };
type LocaleWithWeeks = Intl.Locale & { readonly weekInfo?: WeekInfo; getWeekInfo?(): WeekInfo };

const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;
const HOUR_CYCLES = ["h11", "h12", "h23", "h24"] as const;
/** After sleep and travel, the change is seen at the latest after this time. */
const LOOK_EVERY_MS = 60_000;
const EVENTS = ["focus", "languagechange", "online", "pageshow"] as const;

/** The person's locale as the platform's `Intl` has it now. */
export function intlLocale(): WsLocale {
  const { timeZone, locale } = new Intl.DateTimeFormat().resolvedOptions();
  const language = globalThis.navigator?.language ?? locale;
  const { hourCycle } = new Intl.DateTimeFormat(language, { hour: "numeric" }).resolvedOptions();
  const tag: LocaleWithWeeks = new Intl.Locale(language);
  const first = (tag.getWeekInfo?.() ?? tag.weekInfo)?.firstDay;
  const weekStart = first === undefined ? undefined : WEEKDAYS[first - 1];
  const cycle = HOUR_CYCLES.find((known) => known === hourCycle);
  // `Intl` has no IANA name for zones such as `TZ=EST+5`, although its type says so.
  const known: string | undefined = timeZone;
  return {
    ...(known === undefined || known === "" || known === "Etc/Unknown" ? {} : { time_zone: known }),
    language,
    ...(weekStart === undefined ? {} : { week_start: weekStart }),
    ...(cycle === undefined ? {} : { hour_cycle: cycle }),
  };
}

/** Tells the server the person's locale: in `device_hello`, and when it has changed. */
export class LocaleWatch {
  #told: string | undefined;
  #zone: string | undefined;
  #refusedZone: string | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #look = (): void => this.look();

  /** `send` throws without a connection; the next `device_hello` then has the locale. */
  constructor(
    private readonly read: () => WsLocale,
    private readonly send: (locale: WsLocale) => void,
  ) {}

  /** For `device_hello`. */
  get hello(): { readonly locale: WsLocale } {
    const locale = this.#read();
    this.#told = JSON.stringify(locale);
    return { locale };
  }

  /**
   * The server ended the handshake with `reason`. True if it does not know the time zone, for example because its list
   * of zones is older: the next `device_hello` then has none, so that the person is not locked out.
   */
  refused(reason: string): boolean {
    if (this.#zone === undefined || !reason.includes("time_zone")) return false;
    this.#refusedZone = this.#zone;
    return true;
  }

  /** The session is online: look for changes from now on. */
  start(): void {
    this.stop();
    this.#timer = setInterval(this.#look, LOOK_EVERY_MS);
    // In Node.js the timer must not keep the process alive.
    (this.#timer as { unref?: () => void }).unref?.();
    this.#listen("addEventListener");
    this.look();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#listen("removeEventListener");
  }

  /** Tell the server if the locale has changed. Called before each request, too. */
  look(): void {
    const locale = this.#read();
    const text = JSON.stringify(locale);
    if (this.#told === undefined || text === this.#told) return;
    try {
      this.send(locale);
      this.#told = text;
    } catch {
      // Without a connection, the next `device_hello` has the locale.
    }
  }

  #read(): WsLocale {
    const { time_zone: zone, ...rest } = this.read();
    this.#zone = zone === null || zone === this.#refusedZone ? undefined : zone;
    return this.#zone === undefined ? rest : { time_zone: this.#zone, ...rest };
  }

  #listen(change: "addEventListener" | "removeEventListener"): void {
    if (typeof globalThis.addEventListener !== "function") return;
    for (const event of EVENTS) globalThis[change](event, this.#look);
  }
}
