/**
 * The first screen: it is in the page itself, so that it appears before any script has loaded. It starts the
 * registration of a guest account, and keeps what the person enters until the page's code takes over.
 */
import { ACCOUNT, EARLY, LEFT, THEME } from "../session/keys.js";
import type { Early, Place } from "./screen.js";
import type { FirstTexts } from "./texts.js";

const LANGUAGE = navigator.languages.map((tag) => tag.toLowerCase().split("-")[0] ?? "");

function element<Kind extends HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no #${id}.`);
  return found as Kind;
}

const screen = element("first");
const field = element<HTMLTextAreaElement>("first-ask");
const form = element<HTMLFormElement>("first-form");
const turns = element("first-turns");
const status = element("first-status");
const all: Readonly<Record<string, FirstTexts>> = JSON.parse(element("first-texts").textContent ?? "{}");
const language = LANGUAGE.find((known) => Object.hasOwn(all, known)) ?? "en";
const texts = all[language] as FirstTexts;
const place = readPlace();
const hasAccount = sessionStorage.getItem(ACCOUNT) !== null;
/** The file of the page's larger part, which this script asks for before it is known to be needed. */
const device = document.currentScript?.dataset["device"];
const isGuest = !hasAccount && place?.guests === true && sessionStorage.getItem(LEFT) === null;

let early: Early = readEarly();
let taken = false;

function readPlace(): Place | undefined {
  const written = document.querySelector<HTMLMetaElement>('meta[name="tessera-place"]')?.content;
  return written ? JSON.parse(written) : undefined;
}

function readEarly(): Early {
  try {
    return JSON.parse(sessionStorage.getItem(EARLY) ?? "") as Early;
  } catch {
    return { draft: "", messages: [] };
  }
}

function store(): void {
  if (taken) return;
  early = { ...early, draft: field.value };
  try {
    if (early.draft === "" && early.messages.length === 0) sessionStorage.removeItem(EARLY);
    else sessionStorage.setItem(EARLY, JSON.stringify(early));
  } catch {
    // The storage is full: a reload loses the text.
  }
}

/** Let the text say that it waits. `textContent` only: the message is the person's. */
function draw(message: string): void {
  element("first-welcome").hidden = true;
  const turn = document.createElement("article");
  turn.className = "request";
  turn.dataset["status"] = "running";
  const said = document.createElement("div");
  said.className = "said";
  const title = document.createElement("h3");
  title.dir = "auto";
  title.textContent = message;
  said.append(title);
  const note = document.createElement("p");
  note.className = "muted unsent";
  note.setAttribute("role", "status");
  note.textContent = texts.unsent;
  turn.append(said, note);
  turns.append(turn);
  turn.scrollIntoView({ block: "end" });
}

function send(message: string): void {
  const text = message.trim();
  if (text === "") return;
  early = { draft: "", messages: [...early.messages, text] };
  draw(text);
  store();
}

function submit(): void {
  const { value } = field;
  field.value = "";
  send(value);
  typed();
}

function typed(): void {
  element<HTMLButtonElement>("first-send").disabled = field.value.trim() === "";
}

function fill(): void {
  for (const part of screen.querySelectorAll<HTMLElement>("[data-text]"))
    part.textContent = String(texts[part.dataset["text"] as keyof FirstTexts]);
  field.placeholder = texts.placeholder;
  const list = element("first-suggestions");
  list.setAttribute("aria-label", texts.suggestions);
  for (const message of texts.suggestionList) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = message;
    button.addEventListener("click", () => send(message));
    const entry = document.createElement("li");
    entry.append(button);
    list.append(entry);
  }
  // After a reload the conversation comes back, so there is nothing to suggest yet.
  element("first-welcome").hidden = hasAccount;
  element("first-loading").hidden = !hasAccount;
}

function register(): { email: string; response: Promise<Response> } {
  const email = `guest-${crypto.randomUUID()}@guest`;
  // The password is not kept: nobody signs in to a guest account again, before it is named.
  const body = JSON.stringify({ email, password: crypto.randomUUID() + crypto.randomUUID() });
  const headers = { "Content-Type": "application/json" };
  const response = fetch("/api/v1/auth/register", { method: "POST", headers, body });
  response.catch(() => undefined); // the page's code reports it
  return { email, response };
}

function show(): void {
  fill();
  screen.hidden = false;
  for (const message of early.messages) draw(message);
  field.value = early.draft;
  typed();
  field.focus();
}

/** Load the device's code while the page's script loads. The sign-in form comes first where it is shown. */
function preload(path: string): void {
  const link = document.createElement("link");
  link.rel = "modulepreload";
  link.crossOrigin = "";
  link.href = path;
  document.head.append(link);
}

function fail(reason: string): void {
  status.dataset["state"] = "closed";
  status.textContent = reason;
}

document.documentElement.lang = language;
document.documentElement.dir = language === "ar" ? "rtl" : "ltr";
const theme = localStorage.getItem(THEME);
if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
if (hasAccount || isGuest) {
  show();
  if (device !== undefined) preload(device);
}
globalThis.tesseraFirst = {
  place,
  registration: isGuest ? register() : undefined,
  get shown() {
    return !taken && !screen.hidden;
  },
  get waiting() {
    return early.messages.length;
  },
  fail,
  hide: () => {
    store();
    screen.hidden = true;
  },
  take: () => {
    store();
    const given = early;
    taken = true;
    sessionStorage.removeItem(EARLY);
    early = { draft: "", messages: [] };
    screen.remove();
    return given;
  },
};

field.addEventListener("input", typed);
field.addEventListener("keydown", (event) => {
  // The Enter that ends the input of Japanese or Chinese text does not send.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
addEventListener("pagehide", store);
// A script that does not load.
addEventListener(
  "error",
  ({ target }) => {
    if (target instanceof HTMLScriptElement) fail(texts.notLoaded);
  },
  true,
);
