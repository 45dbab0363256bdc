/**
 * The source of the function that makes a message of a plain object, as protobuf-es's `create` does: what is null or
 * absent keeps its zero value, plain objects inside become messages, arrays of numbers become bytes, and nothing else
 * is looked at. Lists and maps of messages and of bytes are copied, other ones are taken as they are.
 */
import { type DescField, type DescMessage, type DescOneof, ScalarType } from "@bufbuild/protobuf";
import { localFormOf, quote } from "./field-form.ts";

/** @param linkOf the name by which the source reaches the codec of another message */
export function emitCreate(desc: DescMessage, linkOf: (desc: DescMessage) => string): string {
  const converters = new Map<string, string>();
  /** The name of a function of one value; undefined for values that are taken as they are. */
  const converterOf = (field: DescField): string | undefined => {
    const target = field.message;
    if (target === undefined) return field.scalar === ScalarType.BYTES ? "toByteArray" : undefined;
    const form = localFormOf(field);
    if (form === "unwrapped")
      return target.fields[0]?.scalar === ScalarType.BYTES ? "toByteArray" : undefined;
    if (form === "json") return undefined;
    const link = linkOf(target);
    converters.set(
      `to_${link}`,
      `(x) => typeof x !== "object" || x === null || isArray(x) || x.$typeName === ${quote(target.typeName)}
        ? x : ${link}.create(x)`,
    );
    return `to_${link}`;
  };
  const members = desc.members.map((member) =>
    member.kind === "oneof" ? emitOneof(member, converterOf) : emitField(member, converterOf),
  );
  return `${[...converters].map(([name, source]) => `const ${name} = ${source};`).join("\n")}
  function create(i) {
    const m = make();
    if (i == null) return m;
    let v;
    ${members.join("\n")}
    return m;
  }`;
}

type ConverterOf = (field: DescField) => string | undefined;

function emitField(field: DescField, converterOf: ConverterOf): string {
  const name = quote(field.localName);
  const convert = converterOf(field);
  const all = field.message ? (convert ?? "asItIs") : convert;
  let value = convert === undefined ? "v" : `${convert}(v)`;
  if (field.fieldKind === "list")
    value = all === undefined ? "v" : `isArray(v) ? v.map((x) => ${all}(x)) : v`;
  if (field.fieldKind === "map") value = all === undefined ? "v" : `convertMap(v, ${all})`;
  return `v = i[${name}]; if (v != null) m[${name}] = ${value};`;
}

function emitOneof(oneof: DescOneof, converterOf: ConverterOf): string {
  const name = quote(oneof.localName);
  const cases = oneof.fields.map((field) => {
    const convert = converterOf(field);
    const value = convert === undefined ? "v.value" : `${convert}(v.value)`;
    const own = quote(field.localName);
    return `case ${own}: m[${name}] = { case: ${own}, value: ${value} }; break;`;
  });
  return `v = i[${name}]; if (v != null) switch (v.case) { ${cases.join("\n")} }`;
}
