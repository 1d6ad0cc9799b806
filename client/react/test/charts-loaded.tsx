import { cleanup, render, waitFor } from "@testing-library/react";
import { beforeAll } from "vitest";
import { ChartBlock } from "../src/index.js";

// Charts are loaded lazily. After this, each chart of the file is drawn in its first render.
beforeAll(async () => {
  const data = { chartType: "line", title: "First", data: [{ day: "a", n: 1 }], config: { n: { label: "N" } } };
  const { container } = render(<ChartBlock data={data} />);
  await waitFor(
    () => {
      if (container.querySelector(".recharts-surface") === null) throw new Error("The chart is not loaded yet.");
    },
    { timeout: 25_000 },
  );
  cleanup();
}, 30_000);
