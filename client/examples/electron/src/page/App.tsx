import { ApprovalDialog, BlockOptionsProvider } from "@tessera/react";
import { useSyncExternalStore } from "react";
import { Chat } from "./Chat.js";
import { Connection } from "./Connection.js";
import type { Remote } from "./remote.js";
import { SignIn } from "./SignIn.js";
import { TaskList } from "./TaskList.js";

/** The window: the conversation, and the tasks of this device next to it. */
export function App({ remote }: { readonly remote: Remote }) {
  const shown = useSyncExternalStore(remote.subscribe, () => remote.snapshot);
  if (shown === null) return null;
  if (shown.email === null) return <SignIn bridge={remote.bridge} shown={shown} />;
  const asked = new Set(shown.answers.map(({ requestId }) => requestId));
  return (
    <BlockOptionsProvider itemName={(_entity, id) => remote.titleOf(id)}>
      <header>
        <h1>Tessera</h1>
        <Connection bridge={remote.bridge} shown={shown} />
        <button type="button" onClick={() => void remote.bridge.renew()}>
          New conversation
        </button>
        <button type="button" onClick={() => void remote.bridge.logout()} title={`Log out ${shown.email}`}>
          Log out
        </button>
      </header>
      <div className="columns">
        <Chat remote={remote} shown={shown} />
        <TaskList bridge={remote.bridge} tasks={shown.tasks} />
      </div>
      {/* Questions of the person's other devices, and of answers that are not on the page. */}
      <ApprovalDialog queue={remote.questions} filter={({ call }) => !asked.has(call.requestId)} />
    </BlockOptionsProvider>
  );
}
