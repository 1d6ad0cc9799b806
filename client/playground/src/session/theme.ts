import { THEME } from "./keys.js";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

/** The theme that was last chosen in this browser, or the system's theme. */
export function storedTheme(): Theme {
  const stored = localStorage.getItem(THEME);
  return THEMES.find((known) => known === stored) ?? "system";
}

/** Apply `theme` to the page and store the choice. */
export function chooseTheme(theme: Theme): void {
  localStorage.setItem(THEME, theme);
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}
