import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { type AmbientCall, currentCall, runInCall } from "../call/context.ts";
import { RegistryService } from "../gen/heddle/registry/v1/registry_pb.ts";
import { detached } from "./detached.ts";
import { createTransport } from "./transport.ts";

const SERVED: AmbientCall = {
  deadlineAtMs: 0,
  traceId: "0".repeat(32),
  spanId: "0".repeat(16),
  sampled: false,
  criticality: undefined,
  name: "a.B/C",
  timeoutLimitMs: 1000,
  propagated: [],
  failed: true,
  adopt: () => {},
  release: () => {},
};

test("calls of both kinds are made as if no call were being served", async () => {
  await using transport = createTransport({ target: "127.0.0.1:1" });
  const seen: (AmbientCall | undefined)[] = [];
  const answer = async (): Promise<never> => {
    seen.push(currentCall());
    throw new Error("it is not called");
  };
  const client = createClient(RegistryService, detached({ ...transport, unary: answer, stream: answer }));
  await runInCall(SERVED, async () => {
    await assert.rejects(client.listInstances({}), /not called/);
    await assert.rejects(async () => {
      for await (const _ of client.watch({})) assert.fail("there is no answer");
    }, /not called/);
    assert.equal(currentCall(), SERVED);
  });
  assert.deepEqual(seen, [undefined, undefined]);
});
