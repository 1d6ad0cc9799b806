const CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g;

/**
 * `text` without the controls that reverse or embed text, which can make a title read as another one. Marks that only hint
 * at a direction stay. The element around a title isolates it from its surroundings.
 */
export function withoutBidiControls(text: string): string {
  return text.replace(CONTROLS, "");
}
