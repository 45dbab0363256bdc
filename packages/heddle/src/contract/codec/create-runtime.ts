/** What the generated `create` functions call. */
import { setEntry } from "./decode-runtime.ts";

/** Bytes may be given as an array of numbers. */
export function toByteArray(value: unknown): unknown {
  return Array.isArray(value) ? new Uint8Array(value as number[]) : value;
}

export function asItIs(value: unknown): unknown {
  return value;
}

/** A map with its values converted; what is no map is taken as it is. */
export function convertMap(map: unknown, convert: (value: unknown) => unknown): unknown {
  if (typeof map !== "object" || map === null || Array.isArray(map)) return map;
  const converted: Record<string, unknown> = {};
  for (const key of Object.keys(map))
    setEntry(converted, key, convert((map as Record<string, unknown>)[key]));
  return converted;
}
