import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { InstanceSchema } from "../../gen/heddle/registry/v1/registry_pb.ts";
import { createVirtualTime } from "../../runtime/virtual-time.ts";
import { createPrometheusPage } from "./prometheus-sd.ts";
import { createRegistry } from "./registry.ts";

test("an answer is made once a second for whoever asks the same, however often", async () => {
  const time = createVirtualTime();
  const registry = createRegistry({ epoch: "e", startedAtMs: 0, warmUpMs: 0 });
  let listed = 0;
  const counting = {
    ...registry,
    list: (...args: Parameters<typeof registry.list>) => {
      listed++;
      return registry.list(...args);
    },
  };
  const page = createPrometheusPage(counting, time);
  const ask = async (query = "") => {
    const { body } = await page.answer(new URLSearchParams(query), [], {
      path: page.path,
      signal: new AbortController().signal,
    });
    return JSON.parse(new TextDecoder().decode(body as Uint8Array)) as unknown[];
  };

  assert.deepEqual(await ask(), []);
  registry.register(create(InstanceSchema, { id: "a", service: "orders", address: "10.0.0.1:80" }), 0);
  for (let i = 0; i < 100; i++) assert.deepEqual(await ask(), []);
  assert.equal(listed, 1);
  assert.equal((await ask("service=orders")).length, 1, "another question");
  time.advance(1_000);
  assert.equal((await ask()).length, 1);
  for (let i = 0; i < 100; i++) await ask(`service=s${i}`);
  assert.equal(listed, 103);
});
