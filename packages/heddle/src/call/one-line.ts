/**
 * A text for one line of a log. What others wrote (names, ids, what a server gave as its reason) may hold line breaks that
 * look like lines of ours, or escapes that command a terminal, and may be of any length.
 */
export function oneLine(text: string): string {
  const line = text.replace(/[\s\p{Cc}\u2028\u2029]+/gu, " ");
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH)}…` : line;
}

const MAX_LENGTH = 2_000;
