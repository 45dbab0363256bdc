/**
 * Deadlines: the one number that bounds a call, however many attempts, hops and instances it needs.
 *
 * Inside a process a deadline is a point on the monotonic clock; on the wire it is the time left
 * (`grpc-timeout`), so that clocks of different machines need not agree. A callee gives what is left to
 * the calls it makes in turn.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("Timeout").
 */

/** Time a call may take when nobody says otherwise, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 15_000;

/** The longest timeout that the wire format can carry in milliseconds (8 digits). */
const MAX_WIRE_VALUE = 99_999_999;

/**
 * Writes a timeout in the fewest digits that lose nothing that matters: whole seconds as `15S`, other
 * values in milliseconds, very long ones in coarser units. A fresh default deadline is therefore the same
 * text in every call, which keeps its header block the same bytes.
 */
export function formatTimeout(timeoutMs: number): string {
  const ms = Math.max(0, Math.ceil(timeoutMs));
  if (ms % 1000 === 0 && ms > 0 && ms / 1000 <= MAX_WIRE_VALUE) return `${ms / 1000}S`;
  if (ms <= MAX_WIRE_VALUE) return `${ms}m`;
  const seconds = Math.ceil(ms / 1000);
  if (seconds <= MAX_WIRE_VALUE) return `${seconds}S`;
  return `${Math.min(MAX_WIRE_VALUE, Math.ceil(seconds / 3600))}H`;
}

/** Reads a `grpc-timeout` value into milliseconds; undefined when it is malformed. */
export function parseTimeout(value: string): number | undefined {
  if (!/^[0-9]{1,8}[HMSmun]$/.test(value)) return undefined;
  const amount = Number(value.slice(0, -1));
  switch (value.at(-1)) {
    case "H":
      return amount * 3_600_000;
    case "M":
      return amount * 60_000;
    case "S":
      return amount * 1000;
    case "m":
      return amount;
    case "u":
      return amount / 1000;
    default:
      return amount / 1_000_000;
  }
}
