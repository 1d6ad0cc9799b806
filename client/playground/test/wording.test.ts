import type { ConnectionState } from "@tessera/client";
import { ar, de, en } from "@tessera/react";
import { describe, expect, test } from "vitest";
import { describe as describeState, statesOf } from "../src/session/states.js";
import { wordingOf } from "../src/session/wording.js";

test.each([
  [["de-AT", "en"], de],
  [["nl", "AR-eg", "en"], ar],
  [["nl"], en],
  [[], en],
])(
  "the answers for the browser's languages %j are worded in the first one that has a wording",
  (languages, wording) => {
    expect(wordingOf(languages)).toBe(wording);
  },
);

describe("the names of states", () => {
  test.each([
    ["de", "Verbunden", "angehalten"],
    ["fr", "Connecté", "arrêté"],
    ["es", "Conectado", "detenido"],
    ["ja", "接続済み", "停止"],
    ["ar", "متصل", "متوقفة"],
    ["pt", "Connected", "stopped"],
  ])("are in the person's language: %s", (language, online, stopped) => {
    const wording = wordingOf([language]);
    expect(describeState({ name: "online" } as ConnectionState, wording)).toBe(online);
    expect(statesOf(wording).answer.cancelled).toBe(stopped);
  });
});
