/**
 * What a caller wants to read, by its `Accept`, out of what there is.
 * Source: RFC 9110 §12.5.1
 */

/**
 * The offered type that is liked best, the first one among equals; undefined when none is wanted. Without an `Accept`
 * anything goes. Parameters other than the weight are not looked at.
 */
export function chooseType(accept: string | undefined, offered: readonly string[]): string | undefined {
  if (accept === undefined || accept === offered[0] || accept === "*/*" || accept.trim() === "")
    return offered[0];
  const ranges = accept.split(",", MAX_RANGES).map(readRange);
  let best: string | undefined;
  let bestWeight = 0;
  for (const type of offered) {
    const weight = weightOf(type, ranges);
    if (weight > bestWeight) [best, bestWeight] = [type, weight];
  }
  return best;
}

interface Range {
  readonly name: string;
  readonly weight: number;
}

/** Browsers send about ten. */
const MAX_RANGES = 50;

function readRange(text: string): Range {
  const [name = "", ...parameters] = text.split(";");
  const weight = parameters.map((each) => WEIGHT.exec(each.trim())?.[1]).find((each) => each !== undefined);
  return { name: name.trim().toLowerCase(), weight: weight === undefined ? 1 : Number(weight) };
}

const WEIGHT = /^q=([01](?:\.\d{0,3})?)$/i;

/** The most exact range counts. */
function weightOf(type: string, ranges: readonly Range[]): number {
  const any = `${type.slice(0, type.indexOf("/"))}/*`;
  for (const name of [type, any, "*/*"]) {
    const range = ranges.find((each) => each.name === name);
    if (range !== undefined) return range.weight;
  }
  return 0;
}
