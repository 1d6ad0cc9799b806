/** What the server says about itself. */
export interface Place {
  /** The URL of the device socket, which has another port than the page. */
  readonly ws_url: string;
  /** The server is only for this machine, so that the page may create an account without asking. */
  readonly guests?: boolean;
}

/** What the person entered on the first screen. */
export interface Early {
  /** The text in the field that was not sent. */
  readonly draft: string;
  /** The sent messages, oldest first. None of them has reached the server. */
  readonly messages: readonly string[];
}

/** The first screen, as the page's code takes it over. */
export interface FirstScreen {
  /** Undefined if the server did not put it into the page, as with `npm run dev`. */
  readonly place: Place | undefined;
  /** The registration of a guest account that has begun. */
  readonly registration: { readonly email: string; readonly response: Promise<Response> } | undefined;
  readonly shown: boolean;
  /** How many messages wait. */
  readonly waiting: number;
  /** Say why the page can't open. */
  fail(reason: string): void;
  /** Hide it. What the person has entered stays until `take`. */
  hide(): void;
  /** Remove it and return what the person has entered, which is then stored nowhere. */
  take(): Early;
}

declare global {
  var tesseraFirst: FirstScreen | undefined;
}

const NONE: FirstScreen = {
  place: undefined,
  registration: undefined,
  shown: false,
  waiting: 0,
  fail: () => undefined,
  hide: () => undefined,
  take: () => ({ draft: "", messages: [] }),
};

/** The first screen of this page; an empty one if there is none. */
export function firstScreen(): FirstScreen {
  return globalThis.tesseraFirst ?? NONE;
}
