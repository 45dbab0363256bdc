/**
 * How many keys stand in a JSON text. `JSON.parse` lets the last of two equal keys win; when what it gives has fewer keys
 * than the text, one is there twice. Looking at each key would cost more than parsing.
 */

/** Strings with a colon behind them. `text` is JSON already. */
export function countWrittenKeys(text: string): number {
  let count = 0;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at)) {
    at = endOfString(text, at + 1) + 1;
    while (text.charCodeAt(at) <= SPACE) at++;
    if (text.charCodeAt(at) === COLON) count++;
  }
  return count;
}

/** Where the closing quote of a string stands that begins at `from`. */
export function endOfString(text: string, from: number): number {
  let end = text.indexOf('"', from);
  // A quote behind an odd number of backslashes is part of the string.
  while (text.charCodeAt(end - 1) === BACKSLASH) {
    let before = end - 1;
    while (before > from && text.charCodeAt(before - 1) === BACKSLASH) before--;
    if ((end - before) % 2 === 0) break;
    end = text.indexOf('"', end + 1);
  }
  return end;
}

const SPACE = 0x20;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
