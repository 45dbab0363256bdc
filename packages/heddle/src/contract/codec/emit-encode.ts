/**
 * The source of one message's encoder:
 * `write(m, sink, at, initAllowed)` appends `m` behind `at` and returns the position after it.
 *
 * `m` is a message, or (`loose`) the plain object one can be made of, for which null and undefined mean
 * absent. Whatever is not plainly valid gives up, so the checks below need not tell one error from another.
 * Numbers stand in the source as literals; names only between quotes.
 */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import {
  isImplicit,
  isLong,
  isRequired,
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

/** @param linkOf the name by which the source reaches the codec of another message */
export function emitEncode(
  desc: DescMessage,
  hasPrototype: boolean,
  linkOf: (desc: DescMessage) => string,
): string {
  const fields = desc.fields.toSorted((a, b) => a.number - b.number);
  const hasExplicit = fields.some((field) => !isImplicit(field) && field.oneof === undefined);
  const own = (name: string) =>
    hasPrototype ? `hasOwn.call(m, ${name})` : `(plain || hasOwn.call(m, ${name}))`;
  return `function write(m, sink, at, initAllowed) {
    const loose = m.$typeName !== ${quote(desc.typeName)};
    if (loose && (!initAllowed || typeof m !== "object" || isArray(m))) throw giveUp;
    ${hasExplicit && !hasPrototype ? "const plain = getPrototypeOf(m) === objectPrototype;" : ""}
    let b = sink.bytes, cap = b.length, v;
    ${desc.oneofs.map((oneof, i) => emitOneof(oneof.localName, i)).join("\n")}
    ${fields.map((field) => emitField(field, desc, own, linkOf)).join("\n")}
    if (!loose && (v = m.$unknown) !== undefined) at = writeUnknown(sink, at, v);
    return at;
  }`;
}

function emitOneof(name: string, index: number): string {
  return `const o${index} = m[${quote(name)}];
    if (o${index} == null && !loose) throw giveUp;
    const c${index} = o${index} == null ? undefined : o${index}.case;`;
}

type Own = (name: string) => string;
type LinkOf = (desc: DescMessage) => string;

function emitField(field: DescField, desc: DescMessage, own: Own, linkOf: LinkOf): string {
  const name = quote(field.localName);
  if (field.fieldKind === "list") {
    return `v = m[${name}];
    if (isArray(v)) { ${emitList(field, linkOf)} } else if (!loose || v != null) throw giveUp;`;
  }
  if (field.fieldKind === "map") {
    return `v = m[${name}];
    if (typeof v === "object" && v !== null && !isArray(v)) { ${emitMap(field, linkOf)} }
    else if (!loose || v != null) throw giveUp;`;
  }
  if (field.oneof !== undefined) {
    const index = desc.oneofs.indexOf(field.oneof);
    return `if (c${index} === ${name}) { v = o${index}.value; if (v == null) throw giveUp; ${emitValue(field, linkOf)} }`;
  }
  const orMissing = isRequired(field) ? "else throw giveUp;" : "";
  if (!isImplicit(field)) {
    return `v = m[${name}];
    if (v != null) { if (loose || ${own(name)}) { ${emitValue(field, linkOf)} } ${orMissing} }
    else if (${isRequired(field) ? "true" : "v === null && !loose"}) throw giveUp;`;
  }
  const zero = field.fieldKind === "enum" ? field.enum.values[0]?.number : undefined;
  const type = scalarOf(field);
  const convert = isLong(type) ? 'if (typeof v !== "bigint") v = toLong(v);' : "";
  return `v = m[${name}];
    if (v != null) { ${convert} if (${notZero(type, zero ?? 0)}) { ${emitValue(field, linkOf)} } }
    else if (!loose) throw giveUp;`;
}

/** Tag and content of a singular field, from `v`, which is not null. */
function emitValue(field: DescField, linkOf: LinkOf): string {
  if (field.fieldKind === "message") {
    return emitMessage(field.message, toMessage(field, "v"), field.number, field.delimitedEncoding, linkOf);
  }
  const type = scalarOf(field);
  return `${check(type, "v")} ${emitTag(tagOf(field.number, wireTypeOf(type)), roomFor(type))} ${put(type, "v")}`;
}

/** The message to encode for what the field keeps. */
function toMessage(field: DescField, value: string): string {
  const form = localFormOf(field);
  if (form === "json") return `toStruct(${value})`;
  if (form === "message") return value;
  const wrapper = field.message as DescMessage;
  return `{ $typeName: ${quote(wrapper.typeName)}, value: ${value} }`;
}

function emitMessage(desc: DescMessage, value: string, no: number, grouped: boolean, linkOf: LinkOf): string {
  const write = (at: string) =>
    `at = ${linkOf(desc)}.write(${value}, sink, ${at}, loose); b = sink.bytes; cap = b.length;`;
  if (grouped) {
    return `${emitTag(tagOf(no, wireStartGroup), 0)} ${write("at")} ${emitTag(tagOf(no, wireEndGroup), 0)}`;
  }
  return `${emitTag(tagOf(no, wireLength), 1)} { const mark = at; ${write("at + 1")} ${closeLength("mark")} }`;
}

function closeLength(mark: string): string {
  return `if (at - ${mark} < 129) b[${mark}] = at - ${mark} - 1;
    else { at = closeLength(sink, ${mark}, at); b = sink.bytes; cap = b.length; }`;
}

function emitList(field: DescField & { fieldKind: "list" }, linkOf: LinkOf): string {
  if (field.listKind === "message") {
    const message = emitMessage(
      field.message,
      toMessage(field, "l[i]"),
      field.number,
      field.delimitedEncoding,
      linkOf,
    );
    const hole = localFormOf(field) === "json" ? "if (l[i] === undefined) throw giveUp;" : "";
    return `const l = v; for (let i = 0; i < l.length; i++) { ${hole} ${message} }`;
  }
  const type = scalarOf(field);
  const tag = (more: number) =>
    emitTag(tagOf(field.number, field.packed ? wireLength : wireTypeOf(type)), more);
  if (field.packed) {
    return `if (v.length > 0) { ${tag(0)} at = write${listNameOf(type)}(sink, at, v); b = sink.bytes; cap = b.length; }`;
  }
  return `const l = v; for (let i = 0; i < l.length; i++) {
    let x = l[i]; ${check(type, "x")} ${tag(roomFor(type))} ${put(type, "x")} }`;
}

function emitMap(field: DescField & { fieldKind: "map" }, linkOf: LinkOf): string {
  const value =
    field.mapKind === "message"
      ? `x = r[k[i]]; ${localFormOf(field) === "json" ? "if (x === undefined) throw giveUp;" : ""}
         ${emitMessage(field.message, toMessage(field, "x"), 2, false, linkOf)}`
      : `x = r[k[i]]; ${check(scalarOf(field), "x")}
         ${emitTag(tagOf(2, wireTypeOf(scalarOf(field))), roomFor(scalarOf(field)))} ${put(scalarOf(field), "x")}`;
  return `const r = v, k = keysOf(r); for (let i = 0; i < k.length; i++) {
    ${emitTag(tagOf(field.number, wireLength), 1)} const entry = at++;
    let x = ${mapKey(field.mapKey)}; ${check(field.mapKey, "x")}
    ${emitTag(tagOf(1, wireTypeOf(field.mapKey)), roomFor(field.mapKey))} ${put(field.mapKey, "x")}
    ${value}
    ${closeLength("entry")} }`;
}

function mapKey(type: ScalarType): string {
  if (type === ScalarType.STRING) return "k[i]";
  if (type === ScalarType.BOOL) return "toBoolKey(k[i])";
  if (isLong(type)) return "toLong(k[i])";
  return type === ScalarType.UINT32 || type === ScalarType.FIXED32 ? "toUint32Key(k[i])" : "toInt32Key(k[i])";
}

/** Bytes of a tag as constants, after a check that `more` bytes behind it fit as well. */
function emitTag(tag: number, more: number): string {
  const bytes: number[] = [];
  let rest = tag;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  const stores = bytes.map((byte, i) => (i === 0 ? `b[at] = ${byte};` : `b[at + ${i}] = ${byte};`));
  return `${makeRoom(bytes.length + more)} ${stores.join(" ")} at += ${bytes.length};`;
}

function makeRoom(size: number): string {
  return `if (at + ${size} > cap) { b = grow(sink, at, ${size}); cap = b.length; }`;
}

/** What the value's store needs at most; strings and bytes make room themselves. */
function roomFor(type: ScalarType): number {
  switch (wireTypeOf(type)) {
    case 1:
      return 8;
    case 5:
      return 4;
    case 2:
      return 0;
    default:
      return type === ScalarType.BOOL ? 1 : 10;
  }
}

/** Gives up unless `x` is a value of the type as users write it. */
function check(type: ScalarType, x: string): string {
  switch (type) {
    case ScalarType.STRING:
      return `if (typeof ${x} !== "string") throw giveUp;`;
    case ScalarType.BYTES:
      return `if (!(${x} instanceof Uint8Array)) throw giveUp;`;
    case ScalarType.BOOL:
      return `if (${x} !== true && ${x} !== false) throw giveUp;`;
    case ScalarType.DOUBLE:
      return `if (typeof ${x} !== "number") throw giveUp;`;
    case ScalarType.FLOAT:
      return `if (typeof ${x} !== "number" || isOverFloat(${x})) throw giveUp;`;
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return `if (typeof ${x} !== "number" || ${x} >>> 0 !== ${x}) throw giveUp;`;
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return `if (typeof ${x} !== "number" || (${x} | 0) !== ${x}) throw giveUp;`;
    default:
      return `if (typeof ${x} !== "bigint") ${x} = toLong(${x});`;
  }
}

/** True for `v` unless it is the zero value. A value of a wrong type is not zero: the check behind refuses it. */
function notZero(type: ScalarType, zero: number): string {
  switch (type) {
    case ScalarType.STRING:
      return 'v !== ""';
    case ScalarType.BYTES:
      return "!(v instanceof Uint8Array) || v.length > 0";
    case ScalarType.BOOL:
      return "v !== false";
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return "v !== 0 || 1 / v < 0";
    default:
      return isLong(type) ? "v !== 0n" : `v !== ${zero}`;
  }
}

/** Stores a checked value for which there is room. */
function put(type: ScalarType, x: string): string {
  switch (type) {
    case ScalarType.STRING:
      return `at = writeString(sink, at, ${x}); b = sink.bytes; cap = b.length;`;
    case ScalarType.BYTES:
      return `at = writeBytes(sink, at, ${x}); b = sink.bytes; cap = b.length;`;
    case ScalarType.BOOL:
      return `b[at++] = ${x} ? 1 : 0;`;
    case ScalarType.DOUBLE:
      return `at = writeDouble(b, at, ${x});`;
    case ScalarType.FLOAT:
      return `at = writeFloat(b, at, ${x});`;
    case ScalarType.UINT32:
      return `if (${x} < 128) b[at++] = ${x}; else at = writeUint32(b, at, ${x});`;
    case ScalarType.INT32:
      return `if (${x} >= 0 && ${x} < 128) b[at++] = ${x}; else at = writeInt32(b, at, ${x});`;
    case ScalarType.SINT32:
      return `at = writeUint32(b, at, ((${x} << 1) ^ (${x} >> 31)) >>> 0);`;
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return `at = writeFixed32(b, at, ${x});`;
    case ScalarType.INT64:
      return `at = writeInt64(b, at, ${x});`;
    case ScalarType.UINT64:
      return `at = writeUint64(b, at, ${x});`;
    case ScalarType.SINT64:
      return `at = writeSint64(b, at, ${x});`;
    case ScalarType.FIXED64:
      return `at = writeFixed64(b, at, ${x});`;
    case ScalarType.SFIXED64:
      return `at = writeSfixed64(b, at, ${x});`;
  }
}
