import type { AnswerBlock } from "@tessera/client";
import type { Bridge } from "./bridge.js";

declare global {
  interface Window {
    readonly tessera: Bridge;
  }
}

function element<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) {
    throw new TypeError(`the page has no #${id}`);
  }
  return found;
}

const email = element("email", HTMLInputElement);
const password = element("password", HTMLInputElement);
const message = element("message", HTMLInputElement);
const answerArea = element("answer", HTMLElement);
const state = element("state", HTMLElement);
let asked = "";

function shown(block: AnswerBlock): HTMLElement {
  if (block.type === "text") {
    const paragraph = document.createElement("p");
    paragraph.textContent = block.text;
    return paragraph;
  }
  // A real app renders these blocks with @tessera/react.
  const data = document.createElement("pre");
  data.textContent = block.open ? `${block.type} …` : JSON.stringify(block.data, null, 2);
  return data;
}

window.tessera.onState((name) => {
  state.textContent = name;
});
window.tessera.onAnswer(({ requestId, status, blocks, error }) => {
  if (asked === "" || requestId === asked) {
    answerArea.replaceChildren(...blocks.map(shown), status === "running" ? "…" : (error ?? status));
  }
});
element("login", HTMLFormElement).addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!(await window.tessera.login(email.value, password.value))) {
    state.textContent = "wrong e-mail or password";
  }
  password.value = "";
});
element("ask", HTMLFormElement).addEventListener("submit", async (event) => {
  event.preventDefault();
  asked = "";
  asked = await window.tessera.home(message.value);
});
element("cancel", HTMLButtonElement).addEventListener("click", () => window.tessera.cancel(asked));
