/** The keys of the tab's storage that the first screen reads before the page's code has loaded. */

/** The account that is signed in in this tab. */
export const ACCOUNT = "tessera.account";
/** Set when the person has signed out: the next load shows the sign-in form instead of making a guest account. */
export const LEFT = "tessera-left";
/** The text and the messages that were entered before the page's code had loaded. */
export const EARLY = "tessera.early";
/** The theme that was chosen, in the browser's storage. */
export const THEME = "tessera.theme";
