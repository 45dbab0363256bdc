/**
 * Whether anything has to be checked in a message: whether its type, or one that stands in it, has rules of protovalidate.
 * Most types have none, and their calls are to pay nothing.
 *
 * Rules are options with the number that protovalidate has reserved; they are found without reading them, so that no
 * evaluator is needed to know that none is.
 */
import type { DescField, DescMessage, DescOneof } from "@bufbuild/protobuf";

/** The number of `buf.validate.message`, `.field` and `.oneof`, each in options of its own. */
const RULES = 1159;

/** The answer is kept for each type. What stands in a `google.protobuf.Any` is not looked at, nor is it checked. */
export function hasRules(type: DescMessage): boolean {
  let known = answers.get(type);
  if (known === undefined) {
    known = typesIn(type).some(hasOwnRules);
    answers.set(type, known);
  }
  return known;
}

const answers = new WeakMap<DescMessage, boolean>();

/** The type and all that may stand in it, each once: types may contain themselves. */
export function typesIn(type: DescMessage): DescMessage[] {
  const found = new Set([type]);
  for (const { fields } of found) {
    for (const field of fields) {
      const inside = messageOf(field);
      if (inside !== undefined) found.add(inside);
    }
  }
  return [...found];
}

/** What a field holds, if that is messages: itself, the items of a list or the values of a map. */
export function messageOf(field: DescField): DescMessage | undefined {
  return field.fieldKind === "scalar" || field.fieldKind === "enum" ? undefined : field.message;
}

function hasOwnRules(type: DescMessage): boolean {
  return [type, ...type.fields, ...type.oneofs].some(namesRules);
}

function namesRules({ proto }: DescMessage | DescField | DescOneof): boolean {
  return proto.options?.$unknown?.some(({ no }) => no === RULES) === true;
}
