/**
 * Refuses a message that merges one JSON object over and over.
 *
 * A field that comes again is merged into what is there. For a `google.protobuf.Struct`, of which a message keeps
 * plain JSON, each merge turns the whole object into a message and back, here and in protobuf-es: 59 kB of one
 * large object and 4 000 empty repetitions take 8 s to decode, 4 MB take hours. No encoder writes a field twice.
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { after, readTag, readUint32, skipUnknown } from "./decode-runtime.ts";
import { localFormOf } from "./field-form.ts";
import { giveUp } from "./give-up.ts";

/** Far more often than merging has a use, far too seldom to cost anything. */
const MAX_REPETITIONS = 64;

const MAX_DEPTH = 100;

/** Throws when a field that holds a JSON object, at any depth, comes too often in one message. */
export function refuseStructBomb(desc: DescMessage, bytes: Uint8Array, start: number, end: number): void {
  const risks = risksOf(desc);
  if (risks.size === 0) return;
  try {
    walk(risks, bytes, start, end, 0);
  } catch (error) {
    // Where the walk gives up the decoders end as well: a length beyond the end, a field number of 0.
    if (error !== giveUp) throw error;
  }
}

/** A field in which a JSON object is merged, or anything that holds one. */
interface Risk {
  readonly isRepeated: boolean;
  readonly inside: () => Risks;
}

/** By field number. */
type Risks = ReadonlyMap<number, Risk>;

const NO_RISKS: Risks = new Map();

const known = new WeakMap<DescMessage, Risks>();

function risksOf(desc: DescMessage): Risks {
  let risks = known.get(desc);
  if (risks === undefined) {
    risks = new Map(desc.fields.filter((field) => holdsJson(field, new Set())).map(riskOf));
    known.set(desc, risks);
  }
  return risks;
}

function riskOf(field: DescField): [number, Risk] {
  const isJson = localFormOf(field) === "json";
  const inside = () => (isJson || field.message === undefined ? NO_RISKS : risksOf(field.message));
  if (field.fieldKind !== "map") return [field.number, { isRepeated: field.fieldKind === "list", inside }];
  const entry: Risks = new Map([[2, { isRepeated: false, inside }]]);
  return [field.number, { isRepeated: true, inside: () => entry }];
}

function holdsJson(field: DescField, seen: Set<DescMessage>): boolean {
  const { message } = field;
  if (message === undefined || seen.has(message)) return false;
  if (localFormOf(field) === "json") return true;
  seen.add(message);
  return message.fields.some((inner) => holdsJson(inner, seen));
}

/** Walks a message, to `end` or behind the end of the group that it is; returns where it stopped. */
function walk(risks: Risks, bytes: Uint8Array, start: number, end: number, depth: number): number {
  if (depth > MAX_DEPTH) throw new Error(`fields are nested more than ${MAX_DEPTH} deep`);
  const counts = new Map<number, number>();
  let at = start;
  while (at < end) {
    const tag = readTag(bytes, at, end);
    at = after.at;
    const no = tag >>> 3;
    const wireType = tag & 7;
    if (wireType === 4) return at;
    const risk = risks.get(no);
    if (wireType === 3) at = walk(risk?.inside() ?? NO_RISKS, bytes, at, end, depth + 1);
    else if (risk === undefined || wireType !== 2) at = skipUnknown(tag, bytes, at, end);
    else {
      const stop = readUint32(bytes, at, end) + after.at;
      if (stop > end) throw giveUp;
      walk(risk.inside(), bytes, after.at, stop, depth + 1);
      at = stop;
    }
    if (risk === undefined || risk.isRepeated) continue;
    const count = (counts.get(no) ?? 0) + 1;
    if (count > MAX_REPETITIONS) throw new Error(`field ${no} is there more than ${MAX_REPETITIONS} times`);
    counts.set(no, count);
  }
  return at;
}
