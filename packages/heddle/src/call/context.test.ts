import assert from "node:assert/strict";
import { test } from "node:test";
import { type AmbientCall, currentCall, runDetached, runInCall } from "./context.ts";

const served: AmbientCall = {
  deadlineAtMs: 5,
  traceId: "t",
  spanId: "s",
  sampled: false,
  criticality: undefined,
  name: "a.B/C",
  timeoutLimitMs: 1000,
  propagated: [],
  failed: false,
  adopt: () => {},
  release: () => {},
};

test("the served call is known inside, after awaits too, and not outside", async () => {
  assert.equal(currentCall(), undefined);
  const seen = await runInCall(served, async () => {
    const before = currentCall();
    await Promise.resolve();
    return [before, currentCall()];
  });
  assert.deepEqual(seen, [served, served]);
  assert.equal(currentCall(), undefined);
});

test("detached work belongs to no call, and the call is back afterwards", () => {
  runInCall(served, () => {
    assert.equal(
      runDetached(() => currentCall()),
      undefined,
    );
    assert.equal(currentCall(), served);
  });
});
