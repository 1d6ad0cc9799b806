export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const THEME = "tessera.theme";

/** What was chosen in this browser the last time; the system's where nothing was. */
export function storedTheme(): Theme {
  const stored = localStorage.getItem(THEME);
  return THEMES.find((known) => known === stored) ?? "system";
}

/** Dress the page in `theme`, and keep the choice. */
export function chooseTheme(theme: Theme): void {
  localStorage.setItem(THEME, theme);
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}
