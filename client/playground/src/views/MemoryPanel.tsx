import { useState } from "react";
import { sentence } from "../session/account.js";
import type { Session } from "../session/session.js";

/** A line of the export. Memories that can be forgotten have an id. */
interface Remembered {
  readonly tier: string;
  readonly id?: string;
  readonly [field: string]: unknown;
}

const TIERS: Readonly<Record<string, string>> = {
  core: "Preferences",
  episodic: "Conversations",
  associative: "Facts",
  proactive: "Habits",
};
const SHOWN_FIELDS = ["summary", "content", "text", "value", "pattern", "description"];

/** The person's memories on the server: show them, forget one, erase all. */
export function MemoryPanel({ session }: { readonly session: Session }) {
  const [records, setRecords] = useState<readonly Remembered[]>();
  const [outcome, setOutcome] = useState("");
  const [erasing, setErasing] = useState(false);

  const attempt = async (work: () => Promise<string>) => setOutcome(await work().catch(sentence));
  const read = async () => {
    const found: Remembered[] = [];
    for await (const record of session.api.memory.export()) found.push(record as Remembered);
    setRecords(found);
    return `${found.length} ${found.length === 1 ? "record" : "records"}`;
  };
  const forget = async (id: string) => {
    const { tiers } = await session.api.memory.forget(id);
    await read();
    return `Forgotten in ${tiers.join(" and ")}.`;
  };
  const erase = async () => {
    setErasing(false);
    const receipt: object = await session.api.memory.erase();
    await read();
    return `Everything is erased and the key destroyed. Receipt: ${JSON.stringify(receipt)}`;
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
    <section className="memory" aria-label="Memory">
      <div className="panel-head">
        <button type="button" onClick={() => attempt(read)}>
          Show memories
        </button>
        {records?.length ? (
          <button type="button" onClick={download}>
            Download
          </button>
        ) : null}
        <button type="button" className="danger" onClick={() => setErasing(true)}>
          Erase all memories
        </button>
      </div>
      {erasing ? (
        <div className="confirm" role="alert">
          <p>Erase all memories and destroy their key? You can't undo this.</p>
          <button type="button" className="danger" onClick={() => attempt(erase)}>
            Erase
          </button>
          <button type="button" onClick={() => setErasing(false)}>
            Keep
          </button>
        </div>
      ) : null}
      <p role="status" className="muted outcome">
        {outcome}
      </p>
      <div className="records">
        {Object.entries(TIERS).map(([tier, title]) => {
          const own = records?.filter((record) => record.tier === tier) ?? [];
          return own.length === 0 ? null : (
            <section key={tier}>
              <h3>{title}</h3>
              <ul>
                {own.map((record) => (
                  <li key={record.id ?? JSON.stringify(record)}>
                    <span>{describe(record)}</span>
                    {record.id ? (
                      <button
                        type="button"
                        aria-label={`Forget: ${describe(record)}`}
                        onClick={() => attempt(() => forget(String(record.id)))}
                      >
                        Forget
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

function describe(record: Remembered): string {
  if (record["unreadable"] === true) return "unreadable";
  const field = SHOWN_FIELDS.find((name) => record[name] !== undefined);
  const value = field === undefined ? record : record[field];
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return record.tier === "core" ? `${String(record["key"])}: ${text}` : text;
}
