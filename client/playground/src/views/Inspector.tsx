import { useLayoutEffect, useRef, useState, useSyncExternalStore } from "react";
import type { FrameLog, LoggedFrame } from "../session/frame-log.js";

/** A list within this distance of its end, in CSS pixels, counts as scrolled to its end. */
const AT_END_PX = 8;

/**
 * The latest frames in order of time, each with its direction and size. A click shows a frame's contents. While the list
 * is scrolled to its end, it follows the newest frame.
 */
export function Inspector({ log }: { readonly log: FrameLog }) {
  const { frames, count, bytesIn, bytesOut } = useSyncExternalStore(log.subscribe, () => log.snapshot);
  const [chosen, setChosen] = useState<LoggedFrame>();
  const [filter, setFilter] = useState("");
  const types = [...new Set(frames.map(typeOf))].sort();
  const shown = filter === "" ? frames : frames.filter((frame) => typeOf(frame) === filter);
  const list = useRef<HTMLElement>(null);
  const follows = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs whenever the rows change
  useLayoutEffect(() => {
    if (follows.current && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [frames, filter]);
  return (
    <section className="inspector" aria-label="Frames">
      <div className="panel-head">
        <span className="muted" data-testid="frame-totals">
          {frames.length < count ? `the last ${frames.length} of ${count}` : count} frames · ↑ {size(bytesOut)} · ↓{" "}
          {size(bytesIn)}
        </span>
        <select aria-label="Show frames of type" value={filter} onChange={(event) => setFilter(event.target.value)}>
          <option value="">all types</option>
          {types.map((type) => (
            <option key={type}>{type}</option>
          ))}
        </select>
        <button
          type="button"
          onClick={() => {
            log.clear();
            setChosen(undefined);
          }}
        >
          Clear
        </button>
      </div>
      <section
        ref={list}
        className="frames"
        aria-label="List of frames"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable area must be reachable by keyboard
        tabIndex={0}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          follows.current = scrollHeight - scrollTop - clientHeight < AT_END_PX;
        }}
      >
        <table>
          <thead>
            <tr>
              <th scope="col">Local time</th>
              <th scope="col">Way</th>
              <th scope="col">Type</th>
              <th scope="col" className="number">
                Bytes
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((frame) => (
              <tr key={frame.number} data-direction={frame.direction} data-chosen={frame === chosen}>
                <td>{time(frame.at)}</td>
                <td>{frame.direction === "in" ? "↓ in" : "↑ out"}</td>
                <td>
                  <button type="button" onClick={() => setChosen(frame === chosen ? undefined : frame)}>
                    {typeOf(frame)}
                  </button>
                </td>
                <td className="number">{frame.bytes}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {chosen ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable area must be reachable by keyboard
        <section className="frame" aria-label={`Frame ${chosen.number}`} tabIndex={0}>
          {JSON.stringify(chosen.frame, undefined, 2)}
        </section>
      ) : null}
    </section>
  );
}

function typeOf({ frame }: LoggedFrame): string {
  return String((frame as { type?: unknown }).type);
}

/** The local time, to the millisecond. */
function time(at: number): string {
  const offset = new Date(at).getTimezoneOffset() * 60_000;
  return new Date(at - offset).toISOString().slice(11, 23);
}

function size(bytes: number): string {
  return bytes < 10_000 ? `${bytes} B` : `${(bytes / 1000).toFixed(0)} kB`;
}
