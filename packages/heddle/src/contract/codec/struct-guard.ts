/**
 * Refuses a message that merges one JSON object over and over.
 *
 * A field that comes again is merged into what is there. For a `google.protobuf.Struct`, of which a message keeps
 * plain JSON, each merge turns the whole object into a message and back, here and in protobuf-es: 59 kB of one
 * large object and 4 000 empty repetitions take 8 s to decode, 4 MB take hours. No encoder writes a field twice.
 *
 * The guard keeps step with the decoders through all that an encoder can have written, and stops where they stop.
 * protobuf-es reads on elsewhere as well: it goes by the declared type of a field whatever its wire type says, and
 * past the end of a message that is shorter than what is in it. There a merge could hide, so of messages in which that
 * happens only those are let through that are too short to do harm.
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { after, readTag, readUint32, skipUnknown } from "./decode-runtime.ts";
import { localFormOf, scalarOf, wireEndGroup, wireLength, wireStartGroup, wireTypeOf } from "./field-form.ts";
import { giveUp } from "./give-up.ts";

/** Far more often than merging has a use, far too seldom to cost anything. */
const MAX_REPETITIONS = 64;

const MAX_DEPTH = 100;

/** So many bytes cost protobuf-es milliseconds at the most, whatever they are. */
const HARMLESS_BYTES = 4096;

/** Throws when a field that holds a JSON object, at any depth, comes too often in one message. */
export function refuseStructBomb(desc: DescMessage, bytes: Uint8Array, start: number, end: number): void {
  const fields = fieldsOf(desc);
  if (fields.size === 0) return;
  try {
    walk(fields, bytes, start, end, end, 0);
  } catch (error) {
    if (error === giveUp) return;
    if (error !== outOfStep) throw error;
    if (end - start > HARMLESS_BYTES) throw new Error(`it is not encoded as a ${desc.typeName}`);
  }
}

/** The decoders see something else from here on; where the walk gives up, they do as well. */
const outOfStep = new Error("out of step");

/** A field of a message that may hold a JSON object. */
interface Known {
  readonly wireType: number;
  /** A list that may come packed as well. */
  readonly packs: boolean;
  /** It holds a JSON object, itself or deeper, and coming again means merging. */
  readonly merges: boolean;
  /** The fields of the message that it holds; empty when there is no JSON object in it. */
  readonly inside: () => Fields;
}

/** By field number. */
type Fields = ReadonlyMap<number, Known>;

const NO_FIELDS: Fields = new Map();

const known = new WeakMap<DescMessage, Fields>();

/** Of entries of maps: protobuf-es does not skip what it does not know there. */
const entries = new WeakSet<Fields>();

/** Empty for a message that holds no JSON object. */
function fieldsOf(desc: DescMessage): Fields {
  let fields = known.get(desc);
  if (fields === undefined) {
    const risky = desc.fields.some((field) => holdsJson(field, new Set()));
    fields = risky ? new Map(desc.fields.map((field) => [field.number, toKnown(field)])) : NO_FIELDS;
    known.set(desc, fields);
  }
  return fields;
}

function toKnown(field: DescField): Known {
  const { message } = field;
  const risky = holdsJson(field, new Set());
  const inside = () =>
    !risky || message === undefined || localFormOf(field) === "json" ? NO_FIELDS : fieldsOf(message);
  if (field.fieldKind === "map") {
    const value = field.mapKind === "message" ? wireLength : wireTypeOf(scalarOf(field));
    const entry: Fields = new Map([
      [1, { wireType: wireTypeOf(field.mapKey), packs: false, merges: false, inside: () => NO_FIELDS }],
      [2, { wireType: value, packs: false, merges: risky, inside }],
    ]);
    entries.add(entry);
    return { wireType: wireLength, packs: false, merges: false, inside: () => (risky ? entry : NO_FIELDS) };
  }
  const isList = field.fieldKind === "list";
  if (message !== undefined) {
    const { delimitedEncoding } = field as { readonly delimitedEncoding?: boolean };
    const wireType = delimitedEncoding === true ? wireStartGroup : wireLength;
    return { wireType, packs: false, merges: risky && !isList, inside };
  }
  const wireType = wireTypeOf(scalarOf(field));
  return { wireType, packs: isList && wireType !== wireLength, merges: false, inside };
}

function holdsJson(field: DescField, seen: Set<DescMessage>): boolean {
  const { message } = field;
  if (message === undefined || seen.has(message)) return false;
  if (localFormOf(field) === "json") return true;
  seen.add(message);
  return message.fields.some((inner) => holdsJson(inner, seen));
}

/**
 * Walks a message, to `end`, or behind the end of the group that it is (`grouped`); returns where it stopped.
 * `total` is where the bytes end.
 */
function walk(
  fields: Fields,
  bytes: Uint8Array,
  start: number,
  end: number,
  total: number,
  depth: number,
  grouped = false,
): number {
  if (depth > MAX_DEPTH) throw giveUp;
  const counts = new Map<number, number>();
  let at = start;
  while (at < end) {
    const tag = readTag(bytes, at, total);
    at = after.at;
    const no = tag >>> 3;
    const wireType = tag & 7;
    if (grouped && wireType === wireEndGroup) return at;
    const field = fields.get(no);
    if (field === undefined ? entries.has(fields) : !fits(field, wireType)) throw outOfStep;
    const inside = field?.inside() ?? NO_FIELDS;
    if (wireType === wireStartGroup) at = walk(inside, bytes, at, total, total, depth + 1, true);
    else if (inside.size === 0) at = skipUnknown(tag, bytes, at, total);
    else {
      const stop = readUint32(bytes, at, total) + after.at;
      walk(inside, bytes, after.at, Math.min(stop, total), total, depth + 1);
      if (stop > total) throw giveUp;
      at = stop;
    }
    if (at > end) throw outOfStep;
    if (field?.merges !== true) continue;
    const count = (counts.get(no) ?? 0) + 1;
    if (count > MAX_REPETITIONS) throw new Error(`field ${no} is there more than ${MAX_REPETITIONS} times`);
    counts.set(no, count);
  }
  return at;
}

function fits({ wireType, packs }: Known, found: number): boolean {
  return found === wireType || (packs && found === wireLength);
}
