/**
 * The source of the function that makes a message of parsed JSON: `readJson(j, reading, depth)` returns the message.
 *
 * It goes through the keys that are there, and finds what to do with each by one look into a table. Whatever is not the
 * plain form of a value gives up: numbers in texts, other spellings of what ProtoJSON allows to be spelt in several ways.
 * So this code is as strict as anybody could want, and who is asked next says how lenient to be.
 */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { localFormOf, quote } from "./field-form.ts";

type LinkOf = (desc: DescMessage) => string;

/** @param linkOf the name by which the source reaches the JSON functions of another message */
export function emitJsonRead(desc: DescMessage, linkOf: LinkOf): string {
  const twice = desc.fields.map((field, i) => (field.name === field.jsonName ? undefined : i));
  const marks = [
    ...twice.flatMap((i) => (i === undefined ? [] : [`d${i} = false`])),
    ...desc.oneofs.map((_, i) => `w${i} = false`),
  ];
  const cases = desc.fields.map((field, i) => {
    const mark = twice[i] === undefined ? "" : `if (d${i}) throw giveUp; d${i} = true;`;
    return `case ${i}: ${mark} ${emitField(field, i, desc, linkOf)} continue;`;
  });
  return `function readJson(j, reading, depth) {
    if (depth > MAX_DEPTH || typeof j !== "object" || j === null || isArray(j)) throw giveUp;
    const m = make();
    let v, n = 0${marks.map((mark) => `, ${mark}`).join("")};
    for (const key in j) {
      n++;
      v = j[key];
      switch (fieldOfKey.get(key)) {
        ${cases.join("\n")}
        default: skipField(key, v, reading);
      }
    }
    reading.keys += n;
    return m;
  }`;
}

function emitField(field: DescField, index: number, desc: DescMessage, linkOf: LinkOf): string {
  const name = quote(field.localName);
  if (field.fieldKind === "list") {
    return `{ if (v === null) continue; if (!isArray(v)) throw giveUp; const l = m[${name}];
      for (let i = 0; i < v.length; i++) { let x = v[i]; ${emitTake(field, index, "x", linkOf)} l.push(x); } }`;
  }
  if (field.fieldKind === "map") {
    return `{ if (v === null) continue; if (typeof v !== "object" || isArray(v)) throw giveUp; const r = m[${name}];
      for (const k in v) { n++; let x = v[k]; ${emitTake(field, index, "x", linkOf)} setEntry(r, readKey(${field.mapKey}, k), x); } }`;
  }
  if (field.oneof !== undefined) {
    const oneof = desc.oneofs.indexOf(field.oneof);
    const once = `if (w${oneof}) throw giveUp; w${oneof} = true;`;
    const skipNull = isNullAValue(field) ? "" : "if (v === null) continue;";
    const order = field.fieldKind === "scalar" ? `${skipNull} ${once}` : `${once} ${skipNull}`;
    return `{ ${order} ${emitTake(field, index, "v", linkOf)} m[${quote(field.oneof.localName)}] = { case: ${name}, value: v }; }`;
  }
  const skipNull = isNullAValue(field) ? "" : "if (v === null) continue;";
  return `{ ${skipNull} ${emitTake(field, index, "v", linkOf)} m[${name}] = v; }`;
}

/** Whether null stands for something, and not for absence. */
function isNullAValue(field: DescField): boolean {
  return (
    field.message?.typeName === "google.protobuf.Value" ||
    field.enum?.typeName === "google.protobuf.NullValue"
  );
}

/** Turns the JSON in `x` into a value of the field. */
function emitTake(field: DescField, index: number, x: string, linkOf: LinkOf): string {
  if (field.message !== undefined) {
    const form = localFormOf(field);
    if (form === "json") return `${x} = readStruct(${x}, reading, depth + 1);`;
    if (form === "unwrapped") return emitScalar(field.message.fields[0]?.scalar as ScalarType, x, false);
    const notNull = isNullAValue(field) ? "" : `if (${x} === null) throw giveUp;`;
    return `${notNull} ${x} = ${linkOf(field.message)}.read(${x}, reading, depth + 1);`;
  }
  if (field.enum !== undefined) return `${x} = readEnum(enum${index}, ${x});`;
  const asString = "longAsString" in field && field.longAsString === true;
  return emitScalar(field.scalar as ScalarType, x, asString);
}

function emitScalar(type: ScalarType, x: string, asString: boolean): string {
  const long = (min: string, max: string) => {
    const value = `readLong(${x}, ${min}, ${max})`;
    return `${x} = ${asString ? `String(${value})` : value};`;
  };
  switch (type) {
    case ScalarType.STRING:
      return `if (typeof ${x} !== "string" || !${x}.isWellFormed()) throw giveUp;`;
    case ScalarType.BYTES:
      return `if (typeof ${x} !== "string") throw giveUp; ${x} = base64Decode(${x});`;
    case ScalarType.BOOL:
      return `if (typeof ${x} !== "boolean") throw giveUp;`;
    case ScalarType.DOUBLE:
      return `if (!isFinite(${x})) throw giveUp;`;
    case ScalarType.FLOAT:
      return `if (typeof ${x} !== "number" || !isFinite(fround(${x}))) throw giveUp;`;
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return `if (${x} >>> 0 !== ${x}) throw giveUp;`;
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return `if ((${x} | 0) !== ${x}) throw giveUp;`;
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return long("0n", "UINT64_MAX");
    default:
      return long("INT64_MIN", "INT64_MAX");
  }
}
