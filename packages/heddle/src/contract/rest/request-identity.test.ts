/**
 * A message that is sent over HTTP arrives as it was: random messages of random types, through random bindings.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clearField,
  create,
  createRegistry,
  type DescField,
  type DescMessage,
  type DescMethod,
  fromJson,
  isFieldSet,
  type Message,
  type Registry,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { isHeddleError } from "../../call/errors.ts";
import { Dice, randomInit, randomTypes } from "../codec/random-messages.test.ts";
import { Echo } from "../echo-service.test.ts";
import { registryOfServices } from "../registry-of-services.ts";
import { type Binding, createBinding } from "./binding.ts";
import { createBindingRouter } from "./binding-router.ts";
import { valueOf } from "./field-path.ts";
import { fieldTextOf } from "./field-text.ts";
import { isEntered } from "./query-fields.ts";
import { readRequest } from "./read-request.ts";
import { writeRequest } from "./write-request.ts";

const rounds = 1200;

test("request → HTTP → request is the same", () => {
  const counts = { none: 0, all: 0, field: 0, variables: 0, refused: 0 };
  for (let seed = 0; seed < rounds; seed++) {
    const dice = new Dice(seed);
    const types = randomTypes(dice);
    for (const { fields } of types) for (const field of fields) nameInJson(field);
    const desc = dice.pick(types);
    const binding = randomBinding(dice, desc);
    const message = create(desc, randomInit(dice, desc)) as Message;
    if (binding.body.kind !== "all") prune(message, desc, binding);
    const registry = createRegistry(registryOfServices([]), ...types);
    if (!isSame(desc, message, () => throughJson(desc, message, binding, registry))) continue;
    try {
      const { httpMethod, path, query, body } = writeRequest([binding], message, registry);
      const found = createBindingRouter([binding]).find(httpMethod, path);
      assert.equal(found.kind, "found", `seed ${seed}: ${path}`);
      if (found.kind !== "found") return;
      const read = readRequest(binding, { captured: found.captured, query, body }, registry);
      if (binding.body.kind !== "all") prune(read, desc, binding);
      assert.ok(
        isSame(desc, message, () => read),
        `seed ${seed}: ${path}?${query}`.slice(0, 500),
      );
      counts[binding.body.kind]++;
      counts.variables += binding.variables.length;
    } catch (error) {
      if (!isHeddleError(error) || error.reason !== "requestInvalid")
        throw new Error(`seed ${seed}`, { cause: error });
      counts.refused++;
    }
  }
  for (const [what, count] of Object.entries(counts)) assert.ok(count > rounds / 20, `${what}: ${count}`);
  assert.ok(counts.refused < rounds / 2, `${counts.refused} refused`);
});

/** False also when one of them has no bytes, for want of a required field. */
function isSame(desc: DescMessage, message: Message, other: () => Message): boolean {
  try {
    return Buffer.compare(toBinary(desc, other()), toBinary(desc, message)) === 0;
  } catch {
    return false;
  }
}

/** JSON has no form for a time out of range, and for a number that a closed enum does not have. */
function throughJson(desc: DescMessage, message: Message, { body }: Binding, registry: Registry): Message {
  if (body.kind === "none") return message;
  return fromJson(desc, toJson(desc, message, { registry }), { registry });
}

/** Compilers write the name into the descriptor, and these were made without one. */
function nameInJson(field: DescField): void {
  Object.defineProperty(field, "jsonName", { value: field.name });
}

function randomBinding(dice: Dice, desc: DescMessage): Binding {
  const method: DescMethod = { ...Echo.method.say, input: desc, output: desc };
  const single = desc.fields.filter(({ fieldKind }) => fieldKind === "scalar" || fieldKind === "enum");
  const variables = Array.from({ length: dice.below(3) }, () => dice.pick([...single, undefined]))
    .filter((field) => field !== undefined)
    .map(({ name }) => `{${name}}`);
  const rest = dice.chance(20) && single.length > 0 ? [`{${dice.pick(single).name}=**}`] : [];
  const path = `/${["v1", ...new Set(variables), ...rest.filter((each) => !variables.includes(each.replace("=**", "")))].join("/")}`;
  const body = dice.pick(["", "*", desc.fields.length > 0 ? dice.pick(desc.fields).name : "*"]);
  return createBinding(method, { pattern: { case: "post", value: path }, body, responseBody: "" });
}

/** Takes away what a query has no form for: maps, repeated messages, values without a text, messages that are empty. */
function prune(message: Message, desc: DescMessage, binding: Binding, depth = 0): void {
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
