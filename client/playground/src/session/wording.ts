import { ar, de, en, es, fr, ja, type Wording } from "@tessera/react";

const WORDINGS: readonly Wording[] = [en, de, fr, es, ja, ar];

/** The wording of the first of these BCP 47 tags that has one; English if none has. */
export function wordingOf(languages: readonly string[]): Wording {
  for (const language of languages) {
    const [spoken] = language.toLowerCase().split("-");
    const found = WORDINGS.find((wording) => wording.language === spoken);
    if (found !== undefined) return found;
  }
  return en;
}
