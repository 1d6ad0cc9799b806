const THEME_COLORS = 5;
// Only plain colours are allowed, because this text, written by a model, becomes part of a style.
const COLOR = /^(?:#[0-9a-f]{3,8}|[a-z]{3,30}|(?:var|rgba?|hsla?|hwb|lab|lch|oklab|oklch)\([-a-z0-9 %.,/()]{1,80}\))$/i;
const NOT_A_COLOR = /url|image|src|attr|env/i;
const FAINTEST = 40;
const FAINTER_BY = 25;

/** The theme's chart colours, repeated. They are CSS variables, so they follow the light and dark themes. */
export function themeColor(index: number): string {
  return `var(--chart-${(index % THEME_COLORS) + 1})`;
}

/** Returns `value` if it is a plain CSS colour, else the theme's colour with this index. */
export function safeColor(value: unknown, index: number): string {
  return typeof value === "string" && COLOR.test(value) && !NOT_A_COLOR.test(value) ? value : themeColor(index);
}

/** Makes repeated colours fainter, so that all colours in the legend differ. */
export function distinctColors(colors: readonly string[]): string[] {
  const times = new Map<string, number>();
  return colors.map((color) => {
    const seen = times.get(color) ?? 0;
    times.set(color, seen + 1);
    const strength = Math.max(FAINTEST, 100 - seen * FAINTER_BY);
    return seen === 0 ? color : `color-mix(in oklab, ${color} ${strength}%, var(--background))`;
  });
}
