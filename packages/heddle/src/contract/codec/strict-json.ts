/**
 * JSON from strangers. `JSON.parse` lets the last of two equal keys win, other readers the first: what a gateway has
 * checked would not be what a handler gets. So a key that is there twice is refused (RFC 8259 §4 calls the result
 * unpredictable).
 */
import type { JsonValue } from "@bufbuild/protobuf";
import { countWrittenKeys, endOfString } from "./json-keys.ts";

/** Throws an error that says where the text is no JSON, which key is there twice, or that it is nested too deep. */
export function parseStrictJson(text: string): JsonValue {
  const json = JSON.parse(text) as JsonValue;
  // Looking at each key costs more than parsing. That some are missing is seen by their number.
  if (countKeys(json) !== countWrittenKeys(text)) refuseRepeatedKeys(text);
  return json;
}

/** Level by level, so that depth costs no stack, and whoever goes through it after this has enough. */
function countKeys(json: JsonValue): number {
  let count = 0;
  let level: JsonValue[] = [json];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw new Error(`it is nested more than ${MAX_DEPTH} deep`);
    const next: JsonValue[] = [];
    for (const value of level) {
      if (typeof value !== "object" || value === null) continue;
      if (!Array.isArray(value)) count += Object.keys(value).length;
      for (const inner of Object.values(value)) if (typeof inner === "object") next.push(inner);
    }
    level = next;
  }
  return count;
}

/** Objects and arrays in one another: protobuf-es reads messages 100 deep, and each may stand in a list or a map. */
const MAX_DEPTH = 250;

/** Names the first. `text` is JSON already, so only its braces, commas and strings matter. */
function refuseRepeatedKeys(text: string): void {
  // The keys of each object that is open; undefined for an array.
  const open: (Set<string> | undefined)[] = [];
  let keys: Set<string> | undefined;
  let isKeyNext = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at + 1);
        if (isKeyNext && keys !== undefined) {
          addKey(keys, text, at, end);
          isKeyNext = false;
        }
        at = end;
        break;
      }
      case OPEN_OBJECT:
        open.push(keys);
        keys = new Set();
        isKeyNext = true;
        break;
      case OPEN_ARRAY:
        open.push(keys);
        keys = undefined;
        isKeyNext = false;
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        keys = open.pop();
        isKeyNext = false;
        break;
      case COMMA:
        isKeyNext = keys !== undefined;
        break;
      default:
    }
  }
}

function addKey(keys: Set<string>, text: string, start: number, end: number): void {
  const written = text.slice(start + 1, end);
  // The same key may be written in several ways.
  const key = written.includes("\\") ? (JSON.parse(text.slice(start, end + 1)) as string) : written;
  if (keys.has(key)) throw new Error(`key "${key.slice(0, 100)}" is there twice (at ${start})`);
  keys.add(key);
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
