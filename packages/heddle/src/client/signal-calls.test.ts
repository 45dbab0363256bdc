import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import fc from "fast-check";
import { joinSignal, leaveSignal, type SignalCall } from "./signal-calls.ts";

class Call implements SignalCall {
  signalNext: SignalCall | undefined = undefined;
  signalPrevious: SignalCall | undefined = undefined;
  ended = 0;
  next: (() => void) | undefined = undefined;

  onSignal(): void {
    this.ended++;
    this.next?.();
  }
}

test("an abort ends exactly the calls that are on the list, whoever joined and left before", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ call: fc.nat(9), join: fc.boolean() }), { maxLength: 60 }), (steps) => {
      const { signal, ...controller } = withAbort();
      const calls = Array.from({ length: 10 }, () => new Call());
      const on = new Set<Call>();
      for (const { call: index, join } of steps) {
        const call = calls[index] as Call;
        if (join && !on.has(call)) {
          joinSignal(signal, call);
          on.add(call);
        } else if (!join) {
          leaveSignal(signal, call);
          on.delete(call);
        }
        assert.equal(getEventListeners(signal, "abort").length, on.size > 0 ? 1 : 0);
      }
      controller.abort();
      for (const call of calls) assert.equal(call.ended, on.has(call) ? 1 : 0);
      assert.equal(getEventListeners(signal, "abort").length, 0);
    }),
  );
});

test("a call that ends another on the same signal ends it once", () => {
  const { signal, abort } = withAbort();
  const [first, second] = [new Call(), new Call()];
  for (const call of [first, second]) joinSignal(signal, call);
  second.next = () => leaveSignal(signal, first);
  abort();
  assert.deepEqual([first.ended, second.ended], [0, 1]);
});

function withAbort() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
