"use client";

import { useEffect, useState } from "react";
import { useBlockOptions } from "../options.js";
import { fill } from "../wording/wording.js";

/** The time that is left for a decision, such as "1:05 left". A screen reader is not told each second. */
export function Countdown({ until }: { readonly until: number }) {
  const { wording } = useBlockOptions();
  const [left, setLeft] = useState(() => secondsTo(until));
  useEffect(() => {
    const look = () => setLeft(secondsTo(until));
    look();
    const timer = setInterval(look, 1000);
    return () => clearInterval(timer);
  }, [until]);
  const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  return (
    <span className="tsr-muted tsr-countdown" role="timer" aria-live="off">
      {fill(wording.timeLeft, { time })}
    </span>
  );
}

function secondsTo(until: number): number {
  return Math.max(0, Math.ceil((until - Date.now()) / 1000));
}
