const DRAWER = "tessera.drawer";

/** Whether the drawer was open when it was last used in this browser. At first it is closed. */
export function isDrawerOpen(): boolean {
  return localStorage.getItem(DRAWER) === "open";
}

export function storeDrawer(open: boolean): void {
  localStorage.setItem(DRAWER, open ? "open" : "closed");
}
