import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Echo } from "../contract/echo-service.test.ts";
import { jsonMethodOf } from "../contract/json-method.ts";
import { methodOf } from "../contract/method.ts";
import { createRestMethods } from "../contract/rest/rest-method.ts";
import { createSeededRandom } from "../runtime/random.ts";
import { ContractUsage } from "./contract-usage.ts";

function counted(calls: number, sampleEvery = 64) {
  const usage = new ContractUsage({ random: createSeededRandom(1), sampleEvery });
  const [desc] = Echo.methods;
  assert.ok(desc);
  const uses = usage.of(methodOf(desc));
  assert.ok(uses);
  let sampled = 0;
  for (let i = 0; i < calls; i++) {
    if (!uses.count()) continue;
    uses.sample();
    sampled++;
  }
  return { usage, uses, sampled };
}

test("all calls count, and the first of a report are looked at one and all", () => {
  const { usage, sampled } = counted(10);
  assert.equal(sampled, 10);
  const [counts, ...others] = usage.take();
  assert.deepEqual(others, []);
  assert.deepEqual([counts?.calls, counts?.sampledCalls, counts?.json], [10, 10, false]);
  assert.deepEqual(usage.take(), []);
});

test("of many calls about one in so many is looked at, and of very many fewer", () => {
  const { sampled } = counted(16 + 6_400, 64);
  assert.ok(sampled > 16 + 60 && sampled < 16 + 160, String(sampled));
  const { sampled: ofMany } = counted(1_000_000, 64);
  assert.ok(ofMany < 500 + 2_000, String(ofMany));
});

test("a field of an answer that is read after the report is in the next one", () => {
  const { usage, uses } = counted(0);
  const output = Echo.methods[0]?.output;
  const [field] = output?.fields ?? [];
  assert.ok(output && field);
  assert.equal(uses.count(), true);
  const answer = create(output);
  uses.sample().received(answer);
  assert.equal(usage.take()[0]?.fields.size, 0);
  assert.ok(Reflect.get(answer, field.localName) !== null);
  const [late] = usage.take();
  assert.deepEqual(
    [late?.calls, [...(late?.fields ?? [])]],
    [0, [[`${output.typeName}.${field.name}`, { readIn: 1, setIn: 0 }]]],
  );
});

test("bytes that are no message of the method count as a call, and no more", () => {
  const { usage, uses } = counted(0);
  assert.equal(uses.count(), true);
  uses.sample().sent(new Uint8Array([0xff, 0xff, 0xff]));
  const [counts] = usage.take();
  assert.deepEqual([counts?.calls, counts?.fields.size], [1, 0]);
});

test("calls by plain HTTP stand apart from those in JSON", () => {
  const usage = new ContractUsage({ random: createSeededRandom(1), sampleEvery: 64 });
  const [desc] = Echo.methods;
  assert.ok(desc);
  for (const method of [methodOf(desc), jsonMethodOf(desc), createRestMethods({ conventions: true })(desc)])
    usage.of(method)?.count();
  assert.deepEqual(
    usage.take().map(({ json, calls, restCalls }) => [json, calls, restCalls]),
    [
      [false, 1, 0],
      [true, 1, 0],
      [true, 1, 1],
    ],
  );
});
