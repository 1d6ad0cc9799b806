"use client";

import { addDays, dayOf, startOf, today } from "@tessera/client";
import { useEffect, useState } from "react";

/** A computer that was asleep over midnight notices it within this time. */
const LONGEST_MS = 60_000;

/** The time of the first render, and from each local midnight on the time of that. `given` takes its place. */
export function useNow(given: number | undefined, timeZone: string | undefined): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (given !== undefined) return undefined;
    let timer: ReturnType<typeof setTimeout>;
    const wait = () => {
      const midnight = startOf(addDays(today(timeZone), 1), timeZone);
      timer = setTimeout(look, Math.min(Math.max(midnight - Date.now(), 0) + 1, LONGEST_MS));
    };
    const look = () => {
      const at = Date.now();
      setNow((before) => (dayOf(at, timeZone) === dayOf(before, timeZone) ? before : at));
      wait();
    };
    wait();
    return () => clearTimeout(timer);
  }, [given, timeZone]);
  return given ?? now;
}
