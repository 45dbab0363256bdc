/**
 * A message that is sent over HTTP arrives as it was: random messages of random types, through random bindings.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, createRegistry, type Message } from "@bufbuild/protobuf";
import { isHeddleError } from "../../call/errors.ts";
import { Dice, randomInit, randomTypes } from "../codec/random-messages.test.ts";
import { registryOfServices } from "../registry-of-services.ts";
import { createBindingRouter } from "./binding-router.ts";
import { isSame, nameInJson, prune, randomBinding, throughJson } from "./random-bindings.test.ts";
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
