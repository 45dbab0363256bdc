/**
 * `connect-timeout-ms`: the time left for a call, as a whole number of milliseconds.
 * Source: https://connectrpc.com/docs/protocol#unary-request ("Timeout-Milliseconds": at most 10 digits).
 */

/** Reads a value into milliseconds; undefined when it is malformed. */
export function parseConnectTimeout(value: string): number | undefined {
  return /^[0-9]{1,10}$/.test(value) ? Number(value) : undefined;
}

/** Rounded up, so that a call with time left never says 0; more than the format carries is cut to its longest. */
export function formatConnectTimeout(timeoutMs: number): string {
  return String(Math.min(LONGEST_MS, Math.max(0, Math.ceil(timeoutMs))));
}

const LONGEST_MS = 9_999_999_999;
