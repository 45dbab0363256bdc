/** Random bindings for messages of random types, and what of a message such a binding has no form for. */
import {
  clearField,
  type DescField,
  type DescMessage,
  type DescMethod,
  fromJson,
  isFieldSet,
  type JsonValue,
  type Message,
  type Registry,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import type { Dice } from "../codec/random-messages.test.ts";
import { Echo } from "../echo-service.test.ts";
import { type Binding, type BindingRule, createBinding } from "./binding.ts";
import { valueOf } from "./field-path.ts";
import { fieldTextOf } from "./field-text.ts";
import { isEntered } from "./query-fields.ts";

/** False also when one of them has no bytes, for want of a required field. */
export function isSame(desc: DescMessage, message: Message, other: () => Message): boolean {
  try {
    return Buffer.compare(toBinary(desc, other()), toBinary(desc, message)) === 0;
  } catch {
    return false;
  }
}

/** JSON has no form for a time out of range, for a number that a closed enum does not have, and, as written here, for -0. */
export function throughJson(
  desc: DescMessage,
  message: Message,
  { body }: Binding,
  registry: Registry,
): Message {
  if (body.kind === "none") return message;
  return fromJson(desc, JSON.parse(JSON.stringify(toJson(desc, message, { registry }))) as JsonValue, {
    registry,
  });
}

/** Compilers write the name into the descriptor, and these were made without one. */
export function nameInJson(field: DescField): void {
  Object.defineProperty(field, "jsonName", { value: field.name });
}

export function randomBinding(dice: Dice, desc: DescMessage): Binding {
  const method: DescMethod = { ...Echo.method.say, input: desc, output: desc };
  return createBinding(method, { ...randomRule(dice, desc), responseBody: "" });
}

export function randomRule(dice: Dice, desc: DescMessage): Pick<BindingRule, "pattern" | "body"> {
  const single = desc.fields.filter(({ fieldKind }) => fieldKind === "scalar" || fieldKind === "enum");
  const variables = Array.from({ length: dice.below(3) }, () => dice.pick([...single, undefined]))
    .filter((field) => field !== undefined)
    .map(({ name }) => `{${name}}`);
  const rest = dice.chance(20) && single.length > 0 ? [`{${dice.pick(single).name}=**}`] : [];
  const path = `/${["v1", ...new Set(variables), ...rest.filter((each) => !variables.includes(each.replace("=**", "")))].join("/")}`;
  const body = dice.pick(["", "*", desc.fields.length > 0 ? dice.pick(desc.fields).name : "*"]);
  return { pattern: { case: "post", value: path }, body };
}

/** Takes away what a query has no form for: maps, repeated messages, values without a text, messages that are empty. */
export function prune(message: Message, desc: DescMessage, binding: Binding, depth = 0): void {
  for (const field of desc.fields) {
    if (!isFieldSet(message, field)) continue;
    if (depth === 0 && binding.body.kind === "field" && binding.body.field === field) continue;
    if (hasText(message, field)) continue;
    if (isEntered(field) && field.message !== undefined && fieldTextOf(field) === undefined) {
      const inner = valueOf(message, field) as Message;
      prune(inner, field.message, binding, depth + 1);
      if (field.message.fields.some((each) => isFieldSet(inner, each))) continue;
    }
    if (depth === 0 && binding.variables.some(({ path }) => path[0] === field)) continue;
    clearField(message, field);
  }
}

function hasText(message: Message, field: DescField): boolean {
  const text = fieldTextOf(field);
  if (text === undefined) return false;
  try {
    const value = valueOf(message, field);
    for (const each of Array.isArray(value) ? value : [value]) text.read(text.write(each));
    return true;
  } catch {
    return false;
  }
}
