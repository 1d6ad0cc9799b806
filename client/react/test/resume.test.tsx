import "./charts-loaded.js";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type AnswerFrame, type AnswerSnapshot, applyFrame, newSnapshot } from "@tessera/client";
import { act, cleanup, render } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { Answer, type AnswerSource } from "../src/index.js";

/** The cases that developers of clients use: docs/protocol/conformance. */
const CASES = join(import.meta.dirname, "..", "..", "..", "docs", "protocol", "conformance", "cases");

interface Step {
  readonly send?: readonly AnswerFrame[];
  readonly cut?: true;
}

interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
}

const REQUEST = "6f1d3c1e-2a53-4a6e-9d55-0a0d3f9a7b01";
const cases: readonly Case[] = readdirSync(CASES).flatMap(
  (file) => (JSON.parse(readFileSync(join(CASES, file), "utf8")) as { cases: readonly Case[] }).cases,
);
const cut = cases.filter(({ name }) => name.startsWith("cut-"));

/** The frames of the answer `$a`, grouped by socket. */
function sockets({ steps }: Case): AnswerFrame[][] {
  const groups: AnswerFrame[][] = [[]];
  for (const step of steps) {
    if (step.cut) {
      groups.push([]);
    }
    groups.at(-1)?.push(...(step.send ?? []).map((frame) => ({ ...frame, request_id: REQUEST })));
  }
  return groups;
}

/** An answer that gets the frames of a case. */
class Replayed implements AnswerSource {
  snapshot: AnswerSnapshot = newSnapshot(REQUEST);
  readonly #listeners = new Set<() => void>();

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  receive(frames: readonly AnswerFrame[]): void {
    for (const frame of frames) {
      this.snapshot = applyFrame(this.snapshot, frame);
      act(() => {
        for (const listener of this.#listeners) listener();
      });
    }
  }
}

/** What the page shows at the end, and the snapshot. */
function shown(frames: readonly AnswerFrame[]): { readonly html: string; readonly snapshot: AnswerSnapshot } {
  const answer = new Replayed();
  const { container } = render(<Answer request={answer} />);
  answer.receive(frames);
  // React numbers the ids of a page.
  const html = container.innerHTML.replaceAll(/_r_[0-9a-z]+_|recharts\d+-/g, "id");
  cleanup();
  return { html, snapshot: answer.snapshot };
}

/** The uncut answer of the recording: what the last socket sends after a cut behind the first frame is all of it. */
function uncut(name: string): AnswerFrame[] {
  const recording = name.replace(/-\d+$/, "");
  const group = cut.filter((other) => other.name.startsWith(recording));
  const last = group.at(-1);
  if (last === undefined) throw new Error(`no case of ${recording}`);
  const [first = []] = sockets(last);
  return [...first, ...(sockets(last).at(-1) ?? []).filter(({ type }) => type === "stream_end")];
}

describe("an answer that was cut twice looks like the uncut one", () => {
  it.each(cut)("$name", (played) => {
    const whole = shown(uncut(played.name));
    expect(whole.snapshot.status).toBe("completed");
    expect(whole.snapshot.blocks.length).toBeGreaterThan(3);
    expect(shown(sockets(played).flat())).toEqual(whole);
  });

  it("and a missing frame is noticed", () => {
    const [played] = cut.filter(({ name }) => name === "cut-all-blocks-02");
    if (played === undefined) throw new Error("the case is gone");
    const frames = sockets(played).flat();
    const without = frames.filter(({ type }) => type !== "stream_block");
    expect(shown(without).html).not.toBe(shown(frames).html);
  });
});
