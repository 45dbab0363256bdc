/**
 * The source of one message's decoder, and of the function that makes an empty message for it.
 *
 * `read(m, b, at, end, depth, group)` merges the fields in [at, end) into `m` and returns where it stopped:
 * at `end`, or behind the tag `group` when the message is delimited by one (else `group` is 0). It gives up
 * on every field whose wire type is not the declared one, as on all else that protobuf-es settles in its
 * own way: lengths that reach past their message, groups that nobody knows, values outside a closed enum.
 */
import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import {
  isLong,
  listNameOf,
  localFormOf,
  quote,
  scalarOf,
  tagOf,
  wireEndGroup,
  wireLength,
  wireStartGroup,
  wireTypeOf,
} from "./field-form.ts";

type LinkOf = (desc: DescMessage) => string;

export function emitDecode(desc: DescMessage, linkOf: LinkOf): string {
  return `function read(m, b, at, end, depth, group) {
    if (depth > 100) throw giveUp;
    let t, n, v, u;
    while (at < end) {
      t = b[at++];
      if (t > 127) { t = readTag(b, at - 1, end); at = after.at; }
      switch (t) {
        ${desc.fields.map((field) => emitField(field, desc, linkOf)).join("\n")}
        default:
          if (t === group && group !== 0) { if (u !== undefined) m.$unknown = u; return at; }
          if (known.has(t >>> 3)) throw giveUp;
          if (u === undefined) u = m.$unknown ?? [];
          at = keepUnknown(u, t, b, at, end);
      }
    }
    if (group !== 0) throw giveUp;
    if (u !== undefined) m.$unknown = u;
    return at;
  }`;
}

/**
 * @param sample an empty message of protobuf-es, whose own properties the new ones repeat; a message type
 *   that tells absence by own properties has the defaults on a prototype, in the source `prototype`
 */
export function emitMake(desc: DescMessage, sample: Message, hasPrototype: boolean): string {
  const properties = desc.members.flatMap((member) => {
    if (!Object.hasOwn(sample, member.localName)) return [];
    const name = quote(member.localName);
    if (member.kind === "oneof") return [[name, "{ case: undefined }"]];
    if (member.fieldKind === "list") return [[name, "[]"]];
    if (member.fieldKind === "map") return [[name, "{}"]];
    return [[name, literal((sample as unknown as Record<string, unknown>)[member.localName])]];
  });
  const all = [["$typeName", quote(desc.typeName)], ...properties];
  if (!hasPrototype) {
    return `function make() { return { ${all.map(([name, value]) => `${name}: ${value}`).join(", ")} }; }`;
  }
  return `function New() { ${all.map(([name, value]) => `this[${name === "$typeName" ? quote(name) : name}] = ${value};`).join(" ")} }
    New.prototype = prototype;
    function make() { return new New(); }`;
}

/** A zero value; one empty array serves all messages, as in protobuf-es. */
function literal(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  return value instanceof Uint8Array ? "noBytes" : JSON.stringify(value);
}

function emitField(field: DescField, desc: DescMessage, linkOf: LinkOf): string {
  const name = quote(field.localName);
  switch (field.fieldKind) {
    case "list":
      return emitList(field, name, linkOf);
    case "map":
      return `case ${tagOf(field.number, wireLength)}: { ${emitMapEntry(field, name, linkOf)} continue; }`;
    case "message":
      return emitMessageField(field, name, linkOf);
    default: {
      const type = scalarOf(field);
      const set = field.oneof
        ? `m[${quote(field.oneof.localName)}] = { case: ${name}, value: v };`
        : `m[${name}] = v;`;
      const closed =
        field.fieldKind === "enum" && !field.enum.open
          ? `if (!enum${desc.fields.indexOf(field)}.has(v)) throw giveUp;`
          : "";
      const take = emitTake(
        type,
        "end",
        field.utf8Validation,
        field.fieldKind === "scalar" && field.longAsString,
      );
      return `case ${tagOf(field.number, wireTypeOf(type))}: ${take} ${closed} ${set} continue;`;
    }
  }
}

/** Reads a child into the variable `c`. */
function emitChild(desc: DescMessage, no: number, grouped: boolean, end: string, linkOf: LinkOf): string {
  if (grouped) return `at = ${linkOf(desc)}.read(c, b, at, ${end}, depth + 1, ${tagOf(no, wireEndGroup)});`;
  return `${emitLength(end)} at = ${linkOf(desc)}.read(c, b, at, at + n, depth + 1, 0);`;
}

function emitMessageField(field: DescField & { fieldKind: "message" }, name: string, linkOf: LinkOf): string {
  const desc = field.message;
  const link = linkOf(desc);
  const tag = tagOf(field.number, field.delimitedEncoding ? wireStartGroup : wireLength);
  const child = emitChild(desc, field.number, field.delimitedEncoding, "end", linkOf);
  const form = localFormOf(field);
  const fromLocal = form === "json" ? "toStruct(v)" : "v";
  const local = form === "json" ? "fromStruct(c)" : "c";
  if (field.oneof !== undefined) {
    const oneof = quote(field.oneof.localName);
    return `case ${tag}: { v = m[${oneof}]; v = v.case === ${name} ? v.value : undefined;
      const c = v === undefined ? ${link}.make() : ${fromLocal};
      ${child} m[${oneof}] = { case: ${name}, value: ${local} }; continue; }`;
  }
  if (form === "unwrapped") {
    return `case ${tag}: { const c = ${link}.make(); v = m[${name}]; if (v !== undefined) c.value = v;
      ${child} m[${name}] = c.value; continue; }`;
  }
  return `case ${tag}: { v = m[${name}]; const c = v === undefined ? ${link}.make() : ${fromLocal};
    ${child} m[${name}] = ${local}; continue; }`;
}

function emitList(field: DescField & { fieldKind: "list" }, name: string, linkOf: LinkOf): string {
  if (field.listKind === "message") {
    const tag = tagOf(field.number, field.delimitedEncoding ? wireStartGroup : wireLength);
    const child = emitChild(field.message, field.number, field.delimitedEncoding, "end", linkOf);
    const local = localFormOf(field) === "json" ? "fromStruct(c)" : "c";
    return `case ${tag}: { const c = ${linkOf(field.message)}.make(); ${child} m[${name}].push(${local}); continue; }`;
  }
  const type = scalarOf(field);
  const asString = field.listKind === "scalar" && field.longAsString;
  const take = emitTake(type, "end", field.utf8Validation, asString);
  const single = `case ${tagOf(field.number, wireTypeOf(type))}: ${take} m[${name}].push(v); continue;`;
  if (wireTypeOf(type) === wireLength) return single;
  return `${single}
    case ${tagOf(field.number, wireLength)}: { ${emitLength("end")} ${emitPacked(type, asString, name)} at += n; continue; }`;
}

/** The numbers in the next `n` bytes. */
function emitPacked(type: ScalarType, asString: boolean, name: string): string {
  if (!asString) return `m[${name}] = read${listNameOf(type)}(m[${name}], b, at, at + n);`;
  return `for (const x of read${listNameOf(type)}([], b, at, at + n)) m[${name}].push(String(x));`;
}

function emitMapEntry(field: DescField & { fieldKind: "map" }, name: string, linkOf: LinkOf): string {
  const keyTake = emitTake(field.mapKey, "stop", field.utf8Validation, false);
  let valueTag = tagOf(2, wireLength);
  let valueTake: string;
  let missing: string;
  if (field.mapKind === "message") {
    const form = localFormOf(field);
    const make = `${linkOf(field.message)}.make()`;
    const existing = form === "json" ? "toStruct(x)" : "x";
    valueTake = `{ const c = x === undefined ? ${make} : ${existing};
      ${emitChild(field.message, 2, false, "stop", linkOf)}
      x = ${form === "json" ? "fromStruct(c)" : "c"}; }`;
    missing = form === "json" ? "{}" : make;
  } else {
    const type = scalarOf(field);
    valueTag = tagOf(2, wireTypeOf(type));
    valueTake = `${emitTake(type, "stop", field.utf8Validation, false)} x = v;`;
    missing = field.mapKind === "enum" ? String(field.enum.values[0]?.number ?? 0) : zeroOf(type);
  }
  const set = field.mapKey === ScalarType.STRING ? `setEntry(m[${name}], k, x);` : `m[${name}][k] = x;`;
  return `${emitLength("end")} const stop = at + n; let k, x;
    while (at < stop) {
      t = b[at++];
      if (t > 127) { t = readTag(b, at - 1, stop); at = after.at; }
      if (t === ${tagOf(1, wireTypeOf(field.mapKey))}) { ${keyTake} k = v; }
      else if (t === ${valueTag}) { ${valueTake} }
      else { if (t >>> 3 < 3) throw giveUp; at = skipUnknown(t, b, at, stop); }
    }
    if (k === undefined) k = ${zeroOf(field.mapKey)};
    if (x === undefined) x = ${missing};
    ${set}`;
}

function zeroOf(type: ScalarType): string {
  if (type === ScalarType.STRING) return '""';
  if (type === ScalarType.BYTES) return "new Uint8Array(0)";
  if (type === ScalarType.BOOL) return "false";
  return isLong(type) ? "0n" : "0";
}

/** A length into `n`: within what is left before `end`. */
function emitLength(end: string): string {
  return `${emitVarint("n", end)} if (n > ${end} - at) throw giveUp;`;
}

function emitVarint(into: string, end: string): string {
  return `if (at >= ${end}) throw giveUp; ${into} = b[at++];
    if (${into} > 127) { ${into} = readUint32(b, at - 1, ${end}); at = after.at; }`;
}

/** The value of a scalar into `v`. */
function emitTake(type: ScalarType, end: string, strict: boolean, asString: boolean): string {
  const long = (call: string) => (asString ? `v = String(${call});` : `v = ${call};`);
  const fixed = (size: number, call: string) =>
    `if (${end} - at < ${size}) throw giveUp; ${call} at += ${size};`;
  switch (type) {
    case ScalarType.STRING:
      return `${emitLength(end)} v = ${strict ? "readStrictText" : "readLenientText"}(b, at, n); at += n;`;
    case ScalarType.BYTES:
      return `${emitLength(end)} v = b.subarray(at, at + n); at += n;`;
    case ScalarType.BOOL:
      return `if (at >= ${end}) throw giveUp; v = b[at];
        if (v < 128) { at++; v = v !== 0; } else { v = readBool(b, at, ${end}); at = after.at; }`;
    case ScalarType.UINT32:
      return emitVarint("v", end);
    case ScalarType.INT32:
      return `${emitVarint("v", end)} v |= 0;`;
    case ScalarType.SINT32:
      return `${emitVarint("v", end)} v = (v >>> 1) ^ -(v & 1);`;
    case ScalarType.FIXED32:
      return fixed(4, "v = readFixed32(b, at) >>> 0;");
    case ScalarType.SFIXED32:
      return fixed(4, "v = readFixed32(b, at);");
    case ScalarType.FLOAT:
      return fixed(4, "v = readFloat(b, at);");
    case ScalarType.DOUBLE:
      return fixed(8, "v = readDouble(b, at);");
    case ScalarType.FIXED64:
      return fixed(8, long("readFixed64(b, at)"));
    case ScalarType.SFIXED64:
      return fixed(8, long("readSfixed64(b, at)"));
    case ScalarType.INT64:
      return `${long(`readInt64(b, at, ${end})`)} at = after.at;`;
    case ScalarType.UINT64:
      return `${long(`readUint64(b, at, ${end})`)} at = after.at;`;
    case ScalarType.SINT64:
      return `${long(`readSint64(b, at, ${end})`)} at = after.at;`;
  }
}
