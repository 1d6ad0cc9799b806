import { act, render, screen, waitFor } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { renderToString } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { TextBlock } from "../src/index.js";
import { MarkdownDocument } from "../src/markdown/document.js";

const PARAGRAPH = "Some **bold** text with a [link](https://example.com/x) and `code`, then more words that go on. ";
const PART = `## A heading\n\n${PARAGRAPH.repeat(4)}\n\n- one\n- two\n  - three\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n`;
const LONG = PART.repeat(Math.ceil(135_000 / PART.length));

/** Gives a document `text` in pieces of `step` characters, as a stream does. */
function grown(text: string, step: number): MarkdownDocument {
  const document = new MarkdownDocument();
  for (let end = step; end < text.length; end += step) document.update(text.slice(0, end), true);
  document.update(text, true);
  return document;
}

describe("the cost of a text that grows", () => {
  it("a long answer is parsed a bounded number of times, and its blocks stay the same objects", () => {
    const document = grown(LONG, 40);
    expect(document.cost / LONG.length).toBeLessThan(8);
    const before = document.update(LONG, true).groups;
    const after = document.update(`${LONG}one more word`, true).groups;
    expect(before.length).toBeGreaterThan(20);
    for (const [at, group] of before.slice(0, -1).entries()) expect(after[at]).toBe(group);
  });

  it.each([
    ["code", `\`\`\`ts\n${"const x = 1; // a line of code\n".repeat(2000)}`],
    ["a list", "- an item with some words\n".repeat(1000)],
    ["a table", `| a | b |\n|---|---|\n${"| cell | another |\n".repeat(1000)}`],
    ["a paragraph", "words without an end ".repeat(2000)],
  ])("one huge block costs no square of its size: %s", (_, text) => {
    expect(grown(text, 40).cost / text.length).toBeLessThan(35);
  });

  it("a huge block that grows is parsed a few times only", () => {
    const text = "[a](".repeat(20_000);
    expect(grown(text, 40).cost / text.length).toBeLessThan(15);
  });

  it("line ends of every kind, also split between two pieces, give the same blocks", () => {
    const text = "# One\r\n\r\nTwo\rthree\r\n\r\n- four\r\n";
    const raws = ({ groups, tail }: ReturnType<MarkdownDocument["update"]>) =>
      [...groups.flat(), ...tail].map(({ raw }) => raw).join("");
    for (const step of [1, 2, 3]) {
      expect(raws(grown(text, step).update(text, false))).toBe("# One\n\nTwo\nthree\n\n- four\n");
    }
  });

  it("a text that is replaced by one of the same length, or that shares its beginning, is parsed again", () => {
    const document = grown(LONG, 4000);
    const other = `${LONG.slice(0, -20)}${"x".repeat(20)}`;
    const { groups, tail } = document.update(other, true);
    expect([...groups.flat(), ...tail].map(({ raw }) => raw).join("")).toBe(other);
  });

  it.each(["[a](", "*a ", "**a ", "_a ", "[", "![", "`", "<a ", "~~a ", "a**b"])(
    "marks that match nothing are not matched: 80 KB of %s",
    (mark) => {
      const text = mark.repeat(80_000 / mark.length);
      const { tail, groups } = new MarkdownDocument().update(text, false);
      const [block] = [...groups.flat(), ...tail];
      const inner = (block as { tokens?: { type: string }[] }).tokens ?? [];
      // One token of text: nothing was searched for.
      if (mark !== "`" && mark !== "<a ") expect(inner.map(({ type }) => type)).toEqual(["text"]);
      expect(grown(text, 4000).cost / text.length).toBeLessThan(45);
    },
  );

  it.each(["> ", "- ", "1. ", "*", "[", "> - "])("nesting is bounded: %s", (mark) => {
    const { container } = render(<TextBlock text={`${mark.repeat(3000)}x`} />);
    let deepest = 0;
    for (const element of container.querySelectorAll("*")) {
      let depth = 0;
      for (let up: Element | null = element; up !== null && up !== container; up = up.parentElement) depth += 1;
      deepest = Math.max(deepest, depth);
    }
    expect(deepest).toBeLessThan(60);
    expect(container.textContent).toContain("x");
  });
});

describe("a text that grew", () => {
  it.each([1, 7, 40, 1000])("looks like the same text in one piece, in steps of %i", async (step) => {
    const text = `${PART}Text\n---\n\n1. a\n\n   b\n2. c\n\n[ref] and [^1]\n\n[ref]: https://example.com/r\n\n[^1]: The note.\n\n<b>x</b>\n`;
    const { container, rerender } = render(<TextBlock text="" open />);
    for (let end = step; end < text.length; end += step) rerender(<TextBlock text={text.slice(0, end)} open />);
    rerender(<TextBlock text={text} />);
    const { container: whole } = render(<TextBlock text={text} />);
    expect(container.innerHTML).toBe(whole.innerHTML);
    expect(screen.getAllByRole("link", { name: "ref" })).toHaveLength(2);
  });

  it("keeps the elements of its earlier blocks", () => {
    const { container, rerender } = render(<TextBlock text={PART} open />);
    const first = container.querySelector("h4");
    for (let count = 2; count < 40; count += 1) rerender(<TextBlock text={PART.repeat(count)} open />);
    expect(container.querySelector("h4")).toBe(first);
    rerender(<TextBlock text={PART.repeat(39)} />);
    expect(container.querySelector("h4")).toBe(first);
  });

  it("that is replaced shows the new text", () => {
    const { container, rerender } = render(<TextBlock text={PART} open />);
    rerender(<TextBlock text="Other" open />);
    expect(container.textContent).toBe("Other");
  });
});

describe("Markdown", () => {
  const html = (text: string) => render(<TextBlock text={text} />).container;

  it("has rules, task lists and footnotes", () => {
    const container = html("a\n\n---\n\n- [x] **one**\n- [ ] two\n\nSee[^n].\n\n[^n]: A *note*\n  that goes on.");
    expect(container.querySelectorAll("hr")).toHaveLength(1);
    expect(screen.getAllByRole("img").map((check) => check.getAttribute("aria-label"))).toEqual(["done", "not done"]);
    expect(container.querySelectorAll("li.tsr-task strong")).toHaveLength(1);
    expect(container.querySelector("input")).toBeNull();
    expect(container.querySelector("p > sup")?.textContent).toBe("n");
    expect(screen.getByRole("region", { name: "Footnotes" }).textContent).toBe("n A note\nthat goes on.");
    expect(container.textContent).not.toContain("[^n]");
  });

  it("decodes character references and shows HTML as plain text", () => {
    expect(html("1 &lt; 2 &amp; 3 &mdash; &#8364; &unknown; &#xd800;").textContent).toBe("1 < 2 & 3 — € &unknown; �");
    expect(html("<b>bold</b> `&amp;` <!-- note -->").textContent).toBe("<b>bold</b> &amp; <!-- note -->");
  });

  it("numbers a list from its start, and nests lists", () => {
    const container = html("3. three\n4. four\n   - inner");
    expect(container.querySelector("ol")?.getAttribute("start")).toBe("3");
    expect(container.querySelector("ol ul li")?.textContent).toBe("inner");
  });

  it("code is copied unchanged, and highlighted when it is complete", async () => {
    const user = userEvent.setup();
    const code = "const answer = 42; // yes";
    const text = `\`\`\`ts\n${code}`;
    const { container, rerender } = render(<TextBlock text={text} open />);
    expect(container.querySelector("pre")?.textContent).toBe(code);
    rerender(<TextBlock text={`${text}\n\`\`\`\n`} />);
    await waitFor(() => expect(container.querySelector(".hljs-keyword")?.textContent).toBe("const"), {
      timeout: 10_000,
    });
    expect(container.querySelector("pre")?.textContent).toBe(code);
    await user.click(screen.getByRole("button", { name: "Copy code" }));
    expect(await navigator.clipboard.readText()).toBe(code);
    expect(screen.getByRole("status").textContent).toBe("Copied");
  });

  it("code in an unknown language stays unchanged", async () => {
    const container = html('```<script>\n<img src=x onerror="1">\n```\n\n```zzz\nx\n```');
    await act(async () => {
      await import("../src/markdown/highlight.js");
    });
    expect([...container.querySelectorAll("pre")].map(({ textContent }) => textContent)).toEqual([
      '<img src=x onerror="1">',
      "x",
    ]);
    expect(container.querySelector("pre span, img")).toBeNull();
  });

  it("is the same on the server", () => {
    const { container } = render(<TextBlock text={PART} />);
    expect(renderToString(<TextBlock text={PART} />).replaceAll("<!-- -->", "")).toBe(container.innerHTML);
  });
});
