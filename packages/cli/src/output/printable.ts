/** What could move the cursor, change colours, hide text or reverse the direction of writing. */
export const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu;

/** Text of others as one line for a terminal: what is not to be seen becomes visible. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/** A message as one line: its own line breaks become spaces. */
export function oneLine(message: string): string {
  return printable(message.trim().replace(/\s*\n\s*/g, " "));
}

/** User text within a sentence. */
export function quoted(text: string): string {
  return `"${printable(text)}"`;
}
