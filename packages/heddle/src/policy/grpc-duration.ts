/** Times in gRPC's JSON: seconds as a text, such as "1.5s", with nine digits after the point at most. */

/** In ms; undefined for what is no such text. `{ seconds, nanos }`, which grpc-js takes too, is understood. */
export function fromGrpcDuration(value: unknown): number | undefined {
  if (typeof value === "string")
    return /^\d{1,12}(\.\d{1,9})?s$/.test(value) ? Number(value.slice(0, -1)) * 1000 : undefined;
  if (typeof value !== "object" || value === null) return undefined;
  const { seconds, nanos } = value as { readonly seconds?: unknown; readonly nanos?: unknown };
  if (typeof seconds !== "number" || typeof nanos !== "number" || !(seconds >= 0) || !(nanos >= 0))
    return undefined;
  return seconds * 1000 + nanos / 1e6;
}

/**
 * From ms, to the nanosecond; what is less than one is one, for 0 means something else. A fraction has all nine digits: Protobuf's JSON wants three, six or nine, and grpc-js reads
 * what stands behind the point as a count of nanoseconds (its service-config.ts, 1.14), so that only nine are read alike.
 */
export function toGrpcDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const nanos = Math.max(ms > 0 && seconds === 0 ? 1 : 0, Math.round((ms - seconds * 1000) * 1e6));
  if (nanos === 0) return `${seconds}s`;
  return nanos === 1e9 ? `${seconds + 1}s` : `${seconds}.${String(nanos).padStart(9, "0")}s`;
}
