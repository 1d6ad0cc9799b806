import type { Entity } from "@tessera/client";
import { ApprovalDialog, BlockOptionsProvider, type Wording } from "@tessera/react";
import { useCallback, useState, useSyncExternalStore } from "react";
import { type Item, nameOf } from "../device/items.js";
import type { Session } from "../session/session.js";
import { DataPanel } from "./DataPanel.js";
import { ASK_FIELD, Home } from "./Home.js";
import { Inspector } from "./Inspector.js";
import { MemoryPanel } from "./MemoryPanel.js";
import { Notices } from "./Notices.js";
import { Popup } from "./Popup.js";
import { Tabs, tabId } from "./Tabs.js";
import { TopBar } from "./TopBar.js";

/** The item of the open popup. */
export interface Opened {
  readonly entity: Entity;
  readonly id: string;
}

const SIDES = [
  { name: "frames", title: "Frames" },
  { name: "memory", title: "Memory" },
] as const;

interface WorkspaceProps {
  readonly session: Session;
  /** The sentences of the answers and of the approval question. The page itself is in English. */
  readonly wording: Wording;
  readonly onSignOut: () => void;
}

/** A signed-in device: its data, the Home view, the frames and the memory. */
export function Workspace({ session, wording, onSignOut }: WorkspaceProps) {
  const [opened, setOpened] = useState<Opened>();
  const [side, setSide] = useState<"frames" | "memory">("frames");
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
    <BlockOptionsProvider wording={wording} projectName={projectName} onOpenItem={open}>
      <div className="workspace">
        <a className="skip" href={`#${ASK_FIELD}`}>
          Skip to the question
        </a>
        <TopBar session={session} wording={wording} onSignOut={onSignOut} />
        {/* Before the data panel, so that asking comes first on a phone and for the keyboard. */}
        <Home session={session} />
        <DataPanel session={session} items={items} onAsk={open} />
        <aside className="side" aria-label="Frames and memory">
          <Tabs label="Frames and memory" panel="side-panel" tabs={SIDES} chosen={side} onChoose={setSide} />
          <div id="side-panel" role="tabpanel" aria-labelledby={tabId("side-panel", side)} className="side-panel">
            {side === "frames" ? <Inspector log={session.frames} /> : <MemoryPanel session={session} />}
          </div>
        </aside>
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
