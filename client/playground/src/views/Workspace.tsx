import type { Entity } from "@tessera/client";
import { ApprovalDialog, BlockOptionsProvider, type Wording } from "@tessera/react";
import { useCallback, useState, useSyncExternalStore } from "react";
import { type Item, nameOf } from "../device/items.js";
import { isDrawerOpen, storeDrawer } from "../session/drawer.js";
import type { Session } from "../session/session.js";
import { useWords } from "../words/words.js";
import { ASK_FIELD, Conversation } from "./Conversation.js";
import { DataPanel } from "./DataPanel.js";
import { Inspector } from "./Inspector.js";
import { MemoryPanel } from "./MemoryPanel.js";
import { Notices } from "./Notices.js";
import { Popup } from "./Popup.js";
import { Tabs, tabId } from "./Tabs.js";
import { ThreadPanel } from "./ThreadPanel.js";
import { TopBar } from "./TopBar.js";

/** The item of the open popup. */
export interface Opened {
  readonly entity: Entity;
  readonly id: string;
}

/** On a narrow page, the panel that covers the conversation. */
export type Sheet = "threads" | "data" | undefined;

interface WorkspaceProps {
  readonly session: Session;
  /** The sentences of the answers and of the approval question. */
  readonly wording: Wording;
  readonly onSignOut: () => void;
}

/** A signed-in device: the conversations, the open one, the data, and a drawer with the frames and the memory. */
export function Workspace({ session, wording, onSignOut }: WorkspaceProps) {
  const words = useWords();
  const [opened, setOpened] = useState<Opened>();
  const [drawer, setDrawer] = useState(isDrawerOpen);
  const [sheet, setSheet] = useState<Sheet>();
  const items = useSyncExternalStore(session.store.subscribe, () => session.store.items);
  const projectName = useCallback(
    (id: string) => {
      const project = items.project.find((item) => item.id === id);
      return project && nameOf("project", project);
    },
    [items],
  );
  const itemName = useCallback(
    (entity: Entity, id: string) => {
      const item = session.store.get(entity, id);
      return item && nameOf(entity, item);
    },
    [session],
  );
  const open = useCallback((entity: Entity, { id }: { readonly id: string }) => setOpened({ entity, id }), []);
  const item: Item | undefined = opened && items[opened.entity].find(({ id }) => id === opened.id);
  return (
    <BlockOptionsProvider wording={wording} projectName={projectName} itemName={itemName} onOpenItem={open}>
      <div className="workspace" data-drawer={drawer} data-sheet={sheet}>
        <a className="skip" href={`#${ASK_FIELD}`}>
          {words.skip}
        </a>
        <TopBar
          session={session}
          wording={wording}
          onSignOut={onSignOut}
          sheet={sheet}
          onSheet={setSheet}
          drawer={drawer}
          onDrawer={(now) => {
            storeDrawer(now);
            setDrawer(now);
          }}
        />
        <ThreadPanel session={session} onChoose={() => setSheet(undefined)} />
        <Conversation session={session} />
        <DataPanel session={session} items={items} wording={wording} onAsk={open} />
        {drawer ? <Drawer session={session} /> : null}
        {opened && item ? (
          <Popup
            key={`${opened.entity}-${opened.id}`}
            session={session}
            entity={opened.entity}
            item={item}
            onClose={() => setOpened(undefined)}
          />
        ) : null}
        <ApprovalDialog queue={session.approvals} itemName={itemName} />
        <Notices notices={session.notices} onDismiss={(id) => session.dismiss(id)} />
      </div>
    </BlockOptionsProvider>
  );
}

/** The frames of the device socket, and the person's memory on the server. */
function Drawer({ session }: { readonly session: Session }) {
  const words = useWords();
  const [side, setSide] = useState<"frames" | "memory">("frames");
  const sides = [
    { name: "frames", title: words.frames },
    { name: "memory", title: words.memory },
  ] as const;
  return (
    <aside className="side" aria-label={words.framesAndMemory}>
      <Tabs label={words.framesAndMemory} panel="side-panel" tabs={sides} chosen={side} onChoose={setSide} />
      <div id="side-panel" role="tabpanel" aria-labelledby={tabId("side-panel", side)} className="side-panel">
        {side === "frames" ? <Inspector log={session.frames} /> : <MemoryPanel session={session} />}
      </div>
    </aside>
  );
}
