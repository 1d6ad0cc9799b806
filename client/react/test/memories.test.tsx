import { render, screen, within } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { expect, it } from "vitest";
import { UsedMemories } from "../src/index.js";

const USED = [
  { id: "m1", tier: "core", reason: "a preference", text: "preferred_name: Annie" },
  { id: "m2", tier: "episodic", reason: "an earlier exchange", text: "Clara moved\u202E to Lisbon." },
] as const;

it("shows what each memory says and why, and forgets or corrects it", async () => {
  const calls: string[] = [];
  const forget = (id: string) => {
    calls.push(`forget ${id}`);
    return id === "m1" ? Promise.resolve() : Promise.reject(new Error("offline"));
  };
  render(<UsedMemories used={USED} onForget={forget} onCorrect={({ id }) => calls.push(`correct ${id}`)} />);
  const [first, second] = screen.getAllByRole("listitem");
  if (first === undefined || second === undefined) throw new Error("A memory is missing.");
  expect([first.querySelector("bdi")?.textContent, first.querySelector("bdi + span")?.textContent]).toEqual([
    "preferred_name: Annie",
    "a preference",
  ]);
  expect(second.querySelector("bdi")?.textContent).toBe("Clara moved to Lisbon.");
  await userEvent.click(within(second).getByRole("button", { name: "Correct" }));
  await userEvent.click(within(first).getByRole("button", { name: "Forget" }));
  await userEvent.click(within(second).getByRole("button", { name: "Forget" }));
  expect(calls).toEqual(["correct m2", "forget m1", "forget m2"]);
  expect(within(first).getByRole("status").textContent).toBe("Forgotten");
  expect(within(first).queryByRole("button")).toBeNull();
  expect(within(second).getByRole("status").textContent).toBe("Not forgotten. Try again.");
});

it("without memories shows nothing, and without functions no buttons", () => {
  const { container, rerender } = render(<UsedMemories used={[]} />);
  expect(container.innerHTML).toBe("");
  rerender(<UsedMemories used={USED} />);
  expect(screen.queryByRole("button")).toBeNull();
});
