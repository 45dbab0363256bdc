/** Numbers as people read them. */

export function count(number: number): string {
  return number.toLocaleString("en-US");
}

export function dollars(cents: bigint): string {
  const rest = String(cents % 100n).padStart(2, "0");
  return `$${(cents / 100n).toLocaleString("en-US")}.${rest}`;
}

export function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

export function percent(part: number, whole: number): string {
  return `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;
}
