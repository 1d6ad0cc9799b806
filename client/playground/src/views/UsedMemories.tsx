import type { WsMemoryUsed } from "@tessera/client";
import { useState } from "react";
import { sentence } from "../session/account.js";
import type { Session } from "../session/session.js";

/** The memories that were recalled for an answer, with the reasons. Each can be forgotten over the device socket. */
export function UsedMemories({ used, session }: { readonly used: readonly WsMemoryUsed[]; readonly session: Session }) {
  const [outcomes, setOutcomes] = useState<Readonly<Record<string, string>>>({});
  if (used.length === 0) return null;
  const forget = async (id: string) => {
    const outcome = await session.tessera.forget(id).then((tiers) => `forgotten (${tiers.join(", ")})`, sentence);
    setOutcomes((before) => ({ ...before, [id]: outcome }));
  };
  return (
    <details className="memories">
      <summary>
        {used.length} {used.length === 1 ? "memory" : "memories"} used
      </summary>
      <ul>
        {used.map(({ id, tier, reason }) => (
          <li key={id}>
            <span>
              <strong>{tier}</strong> {reason}
            </span>
            {outcomes[id] ? (
              <span role="status">{outcomes[id]}</span>
            ) : (
              <button type="button" onClick={() => forget(id)}>
                Forget
              </button>
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}
