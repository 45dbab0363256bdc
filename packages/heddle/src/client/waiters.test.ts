import assert from "node:assert/strict";
import { test } from "node:test";
import type { Subchannel } from "../connection/subchannel.ts";
import { createVirtualTime } from "../runtime/virtual-time.ts";
import type { ClientCall } from "./call.ts";
import { type Waiter, Waiters } from "./waiters.ts";

test("serves a long queue whose attempts end as they begin, in order and without going deeper with each", () => {
  const time = createVirtualTime();
  const instance = {} as Subchannel;
  const waiters = new Waiters({
    clock: time,
    timers: time,
    pick: () => instance,
    whyNone: () => assert.fail(),
  });
  const served: number[] = [];
  for (let i = 0; i < 50_000; i++) {
    const waiter: Waiter = {
      call: {} as ClientCall,
      onInstance() {
        served.push(i);
        waiters.serveFirst();
      },
      onNoInstance: () => assert.fail(),
    };
    waiters.add(waiter, 1000);
  }
  waiters.serveFirst();
  assert.deepEqual(
    served,
    Array.from({ length: 50_000 }, (_, i) => i),
  );
  assert.equal(waiters.size, 0);
  waiters.close(() => assert.fail());
});
