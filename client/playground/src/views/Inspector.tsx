import { useState, useSyncExternalStore } from "react";
import type { FrameLog, LoggedFrame } from "../session/frame-log.js";

/** Every frame on the wire in order of time, with its direction and size; one opens to show what is in it. */
export function Inspector({ log }: { readonly log: FrameLog }) {
  const { frames, count, bytesIn, bytesOut } = useSyncExternalStore(log.subscribe, () => log.snapshot);
  const [chosen, setChosen] = useState<LoggedFrame>();
  const [filter, setFilter] = useState("");
  const types = [...new Set(frames.map(typeOf))].sort();
  const shown = filter === "" ? frames : frames.filter((frame) => typeOf(frame) === filter);
  return (
    <section className="inspector" aria-label="Frames">
      <div className="panel-head">
        <span className="muted" data-testid="frame-totals">
          {count} frames · ↑ {size(bytesOut)} · ↓ {size(bytesIn)}
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
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className="frames" aria-label="List of frames" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Time</th>
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
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
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

function time(at: number): string {
  return new Date(at).toISOString().slice(11, 23);
}

function size(bytes: number): string {
  return bytes < 10_000 ? `${bytes} B` : `${(bytes / 1000).toFixed(0)} kB`;
}
