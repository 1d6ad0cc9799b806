import { useState } from "react";
import { sentence } from "../session/account.js";
import type { Session } from "../session/session.js";
import { fill, useWords } from "../words/words.js";

/** A line of the export. Memories that can be forgotten have an id. */
interface Remembered {
  readonly tier: string;
  readonly id?: string;
  readonly [field: string]: unknown;
}

const TIERS = ["core", "episodic", "associative", "proactive"] as const;
type Tier = (typeof TIERS)[number];
const SHOWN_FIELDS = ["summary", "content", "text", "value", "pattern", "description"];

/** The person's memories on the server: show them, forget one, erase all. */
export function MemoryPanel({ session }: { readonly session: Session }) {
  const { memoryPanel: words, keep, memory: title } = useWords();
  const [records, setRecords] = useState<readonly Remembered[]>();
  const [outcome, setOutcome] = useState("");
  const [erasing, setErasing] = useState(false);

  const attempt = async (work: () => Promise<string>) => setOutcome(await work().catch(sentence));
  const read = async () => {
    const found: Remembered[] = [];
    for await (const record of session.api.memory.export()) found.push(record as Remembered);
    setRecords(found);
    return fill(words.count, { count: found.length });
  };
  const forget = async (id: string) => {
    const { tiers } = await session.api.memory.forget(id);
    await read();
    const named = tiers.map((tier) => (Object.hasOwn(words.tiers, tier) ? words.tiers[tier as Tier] : tier));
    return fill(words.forgotten, { tiers: named.join(", ") });
  };
  const erase = async () => {
    setErasing(false);
    const receipt: object = await session.api.memory.erase();
    await read();
    return `${words.erased} ${fill(words.receipt, { receipt: JSON.stringify(receipt) })}`;
  };
  const download = () => {
    const lines = (records ?? []).map((record) => JSON.stringify(record)).join("\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines], { type: "application/x-ndjson" }));
    link.download = "tessera-memory.ndjson";
    link.click();
    URL.revokeObjectURL(link.href);
  };

  return (
    <section className="memory" aria-label={title}>
      <div className="panel-head">
        <button type="button" onClick={() => attempt(read)}>
          {words.show}
        </button>
        {records?.length ? (
          <button type="button" onClick={download}>
            {words.download}
          </button>
        ) : null}
        <button type="button" className="danger" onClick={() => setErasing(true)}>
          {words.eraseAll}
        </button>
      </div>
      {erasing ? (
        <div className="confirm" role="alert">
          <p>{words.question}</p>
          <button type="button" className="danger" onClick={() => attempt(erase)}>
            {words.erase}
          </button>
          <button type="button" onClick={() => setErasing(false)}>
            {keep}
          </button>
        </div>
      ) : null}
      <p role="status" className="muted outcome">
        {outcome}
      </p>
      <div className="records">
        {TIERS.map((tier) => {
          const own = records?.filter((record) => record.tier === tier) ?? [];
          return own.length === 0 ? null : (
            <section key={tier}>
              <h3>{words.tiers[tier]}</h3>
              <ul>
                {own.map((record) => (
                  <li key={record.id ?? JSON.stringify(record)}>
                    <span>{describe(record, words.unreadable)}</span>
                    {record.id ? (
                      <button
                        type="button"
                        aria-label={fill(words.forgetThis, { text: describe(record, words.unreadable) })}
                        onClick={() => attempt(() => forget(String(record.id)))}
                      >
                        {words.forget}
                      </button>
                    ) : null}
                  </li>
                ))}
              </ul>
            </section>
          );
        })}
      </div>
    </section>
  );
}

function describe(record: Remembered, unreadable: string): string {
  if (record["unreadable"] === true) return unreadable;
  const field = SHOWN_FIELDS.find((name) => record[name] !== undefined);
  const value = field === undefined ? record : record[field];
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return record.tier === "core" ? `${String(record["key"])}: ${text}` : text;
}
