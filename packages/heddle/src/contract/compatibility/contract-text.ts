/**
 * A contract as a text that is the same wherever it was compiled, and another one when anything in it means something else: what
 * the services answer, all types that they reach, their options (rules, HTTP, errors), and how plain HTTP reaches them.
 * Comments, the order of declarations and which file they stand in are not in it. Its hash is the name of the contract.
 */
import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  type Message,
  clone,
  toBinary,
} from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import { base64Encode } from "@bufbuild/protobuf/wire";
import {
  EnumOptionsSchema,
  EnumValueOptionsSchema,
  FieldOptionsSchema,
  MessageOptionsSchema,
  MethodOptionsSchema,
  OneofOptionsSchema,
  ServiceOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { typesFrom } from "./rest-reach.ts";

/** How plain HTTP reaches the methods: by annotation, those without one by convention as well, or not at all. */
export type RestMode = "annotations" | "conventions" | "off";

export function contractText(services: Iterable<DescService>, rest: RestMode): string {
  const all = [...services].toSorted(byName);
  const roots = all.flatMap(({ methods }) => methods.flatMap(({ input, output }) => [input, output]));
  const types = [...typesFrom(roots)].toSorted(byName);
  const lines = [`rest ${rest}`];
  for (const service of all) {
    lines.push(`service ${service.typeName}${optionsText(ServiceOptionsSchema, service.proto.options)}`);
    lines.push(...service.methods.toSorted((a, b) => compare(a.name, b.name)).map(methodText));
  }
  for (const type of types) lines.push(...(type.kind === "message" ? messageText(type) : enumText(type)));
  return `${lines.join("\n")}\n`;
}

function methodText({ name, methodKind, input, output, proto }: DescMethod): string {
  return ` rpc ${name} ${methodKind} ${input.typeName} ${output.typeName}${optionsText(MethodOptionsSchema, proto.options)}`;
}

function* messageText(desc: DescMessage): Generator<string> {
  yield `message ${desc.typeName}${optionsText(MessageOptionsSchema, desc.proto.options)}`;
  for (const oneof of desc.oneofs)
    yield ` oneof ${oneof.name}${optionsText(OneofOptionsSchema, oneof.proto.options)}`;
  for (const field of desc.fields.toSorted((a, b) => a.number - b.number)) yield fieldText(field);
}

function fieldText(field: DescField): string {
  const { number, name, jsonName, fieldKind, presence, proto } = field;
  const type = field.message?.typeName ?? field.enum?.typeName ?? String(field.scalar);
  const key = field.fieldKind === "map" ? ` key ${field.mapKey}` : "";
  const packed = field.fieldKind === "list" ? ` packed ${field.packed}` : "";
  const delimited = "delimitedEncoding" in field ? ` delimited ${field.delimitedEncoding}` : "";
  const initial = proto.defaultValue === "" ? "" : ` default ${JSON.stringify(proto.defaultValue)}`;
  return (
    ` ${number} ${name} ${jsonName} ${fieldKind} ${type} ${presence}${key}${packed}${delimited}${initial}` +
    ` in ${field.oneof?.name ?? "-"}${optionsText(FieldOptionsSchema, proto.options)}`
  );
}

function* enumText(desc: DescEnum): Generator<string> {
  yield `enum ${desc.typeName} ${desc.open}${optionsText(EnumOptionsSchema, desc.proto.options)}`;
  for (const { number, name, proto } of desc.values.toSorted(
    (a, b) => a.number - b.number || compare(a.name, b.name),
  ))
    yield ` ${number} ${name}${optionsText(EnumValueOptionsSchema, proto.options)}`;
}

/** Extensions stand in the order in which a compiler wrote them, so they are put in one. */
function optionsText<Options extends Message>(
  schema: GenMessage<Options>,
  options: Options | undefined,
): string {
  if (options === undefined) return "";
  const sorted = clone(schema, options as never) as Options;
  if (sorted.$unknown !== undefined) sorted.$unknown = sorted.$unknown.toSorted((a, b) => a.no - b.no);
  const bytes = toBinary(schema, sorted as never);
  return bytes.length === 0 ? "" : ` options ${base64Encode(bytes)}`;
}

function byName(a: { readonly typeName: string }, b: { readonly typeName: string }): number {
  return compare(a.typeName, b.typeName);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
