const PLAIN_HEADER =
  /(?:^|[^\p{L}])(?:year|jahr|année|año|anno|id|ids|nr|no|number|nummer|code|zip|plz|pin|phone|isbn|version)(?:$|[^\p{L}])|年|番号|سنة|رقم/iu;

/** Whether the numbers of a column are names rather than amounts: years, ids, codes. They get no thousands separators. */
export function namesThings(header: string, values: readonly unknown[]): boolean {
  const spaced = header.replace(/([a-z])([A-Z])/g, "$1 $2").replaceAll("_", " ");
  if (PLAIN_HEADER.test(spaced)) return true;
  const numbers = values.filter((value) => typeof value === "number");
  return numbers.length > 0 && numbers.every((value) => Number.isInteger(value) && value >= 1900 && value < 2100);
}

/** Formats a number in `locale`; `plain`: without thousands separators. */
export function formatNumber(value: number, locale: string | undefined, plain: boolean): string {
  return value.toLocaleString(locale, plain ? { useGrouping: false } : {});
}
