/**
 * The source of the function that writes a message as ProtoJSON: `writeJson(m, options, initAllowed)` returns the text.
 *
 * The text is put together directly, without the object in between that `JSON.stringify` would walk: names of fields and
 * of enum values stand in the source as they stand in the JSON. As in the binary encoder, `m` is a message, or the plain
 * object that one can be made of; and whatever is not plainly valid gives up.
 */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { isImplicit, isLong, isRequired, localFormOf, quote } from "./field-form.ts";

type LinkOf = (desc: DescMessage) => string;

/** @param linkOf the name by which the source reaches the JSON functions of another message */
export function emitJsonWrite(desc: DescMessage, hasPrototype: boolean, linkOf: LinkOf): string {
  const fields = desc.fields.toSorted((a, b) => a.number - b.number);
  const hasExplicit = fields.some((field) => !isImplicit(field) && field.oneof === undefined);
  const own = (name: string) =>
    hasPrototype ? `hasOwn.call(m, ${name})` : `(plain || hasOwn.call(m, ${name}))`;
  return `function writeJson(m, options, initAllowed) {
    const loose = m.$typeName !== ${quote(desc.typeName)};
    if (loose && (!initAllowed || typeof m !== "object" || isArray(m))) throw giveUp;
    if (!loose && m.$unknown !== undefined) throw giveUp;
    ${hasExplicit && !hasPrototype ? "const plain = getPrototypeOf(m) === objectPrototype;" : ""}
    const all = options.alwaysEmitImplicit === true;
    let s = "{", comma = "", v;
    ${desc.oneofs.map((oneof, i) => emitOneof(oneof.localName, i)).join("\n")}
    ${fields.map((field) => emitField(field, desc, own, linkOf)).join("\n")}
    return s + "}";
  }`;
}

function emitOneof(name: string, index: number): string {
  return `const o${index} = m[${quote(name)}];
    if (o${index} == null && !loose) throw giveUp;
    const c${index} = o${index} == null ? undefined : o${index}.case;`;
}

/** Appends the name, and what the source `value` makes. */
function put(field: DescField, value: string): string {
  return `s += comma + ${quote(`${quote(field.jsonName)}:`)} + ${value}; comma = ",";`;
}

function emitField(
  field: DescField,
  desc: DescMessage,
  own: (name: string) => string,
  linkOf: LinkOf,
): string {
  const name = quote(field.localName);
  const index = desc.fields.indexOf(field);
  if (field.fieldKind === "list") {
    return `v = m[${name}];
    if (isArray(v)) { if (v.length > 0 || all) { let t = "[", c = "";
      for (let i = 0; i < v.length; i++) { const x = v[i]; t += c + ${emitValue(field, index, "x", linkOf)}; c = ","; }
      ${put(field, '(t + "]")')} } } else if (!loose || v != null) throw giveUp; else if (all) { ${put(field, '"[]"')} }`;
  }
  if (field.fieldKind === "map") {
    return `v = m[${name}];
    if (typeof v === "object" && v !== null && !isArray(v)) { const k = keysOf(v);
      if (k.length > 0 || all) { let t = "{", c = "";
      for (let i = 0; i < k.length; i++) { const x = v[k[i]]; t += c + jsonText(k[i]) + ":" + ${emitValue(field, index, "x", linkOf)}; c = ","; }
      ${put(field, '(t + "}")')} } } else if (!loose || v != null) throw giveUp; else if (all) { ${put(field, '"{}"')} }`;
  }
  const write = put(field, emitValue(field, index, "v", linkOf));
  if (field.oneof !== undefined) {
    const oneof = desc.oneofs.indexOf(field.oneof);
    return `if (c${oneof} === ${name}) { v = o${oneof}.value; if (v == null) throw giveUp; ${write} }`;
  }
  if (!isImplicit(field)) {
    return `v = m[${name}];
    if (v != null) { if (loose || ${own(name)}) { ${write} } ${isRequired(field) ? "else throw giveUp;" : ""} }
    else if (${isRequired(field) ? "true" : "v === null && !loose"}) throw giveUp;`;
  }
  const zero = zeroValue(field);
  return `v = m[${name}];
    if (v == null) { if (!loose) throw giveUp; v = ${zero}; }
    if (${notZero(field)} || all) { ${write} }`;
}

function zeroValue(field: DescField): string {
  if (field.fieldKind === "enum") return String(field.enum.values[0]?.number ?? 0);
  switch (field.scalar) {
    case ScalarType.STRING:
      return '""';
    case ScalarType.BYTES:
      return "noBytes";
    case ScalarType.BOOL:
      return "false";
    default:
      return field.scalar !== undefined && isLong(field.scalar) ? "0n" : "0";
  }
}

function notZero(field: DescField): string {
  if (field.fieldKind === "enum") return `v !== ${zeroValue(field)}`;
  switch (field.scalar) {
    case ScalarType.STRING:
      return 'v !== ""';
    case ScalarType.BYTES:
      return "!(v instanceof Uint8Array) || v.length > 0";
    case ScalarType.BOOL:
      return "v !== false";
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return "!is(v, 0)";
    default:
      // Loosely, for 64 bits may be a bigint, a text or a number.
      return "v != 0";
  }
}

/** An expression for the JSON of one value. */
function emitValue(field: DescField, index: number, x: string, linkOf: LinkOf): string {
  if (field.message !== undefined) {
    const form = localFormOf(field);
    if (form === "json") return `jsonStruct(${x})`;
    if (form === "unwrapped") return emitScalar(field.message.fields[0]?.scalar as ScalarType, x);
    return `${linkOf(field.message)}.write(${x}, options, loose)`;
  }
  if (field.enum !== undefined) return `jsonEnum(names${index}, ${x})`;
  return emitScalar(field.scalar as ScalarType, x);
}

function emitScalar(type: ScalarType, x: string): string {
  const check = (kind: string, value: string) => `(typeof ${x} === "${kind}" ? ${value} : fail())`;
  switch (type) {
    case ScalarType.STRING:
      return check("string", `jsonText(${x})`);
    case ScalarType.BYTES:
      return `(${x} instanceof Uint8Array ? '"' + base64Encode(${x}) + '"' : fail())`;
    case ScalarType.BOOL:
      return check("boolean", x);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return `jsonDouble(${x})`;
    default:
      if (isLong(type)) return `jsonLong(${x})`;
      return `(isInteger(${x}) ? ${x} : fail())`;
  }
}
