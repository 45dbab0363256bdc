import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as macrotask } from "node:timers/promises";
import type { Subchannel } from "../connection/subchannel.ts";
import { HealthCheckResponse_ServingStatus as Status } from "../gen/grpc/health/v1/health_pb.ts";
import { systemRandom } from "../runtime/random.ts";
import { createVirtualTime } from "../runtime/timer.ts";
import { HealthWatches, type WatchCall } from "./health-watch.ts";

test("an instance that says without end that it serves and does not is heard at a pace", async () => {
  const time = createVirtualTime();
  let said = 0;
  let changes = 0;
  async function* messages() {
    for (;;) yield { status: said++ % 2 === 0 ? Status.SERVING : Status.NOT_SERVING };
  }
  const call = { messages, cancel() {} } as unknown as WatchCall;
  const watches = new HealthWatches({
    clock: time,
    timers: time,
    random: systemRandom,
    watchHealth: () => call,
    onChange: () => changes++,
  });
  const subchannel = { address: "10.0.0.1:1", state: "ready" } as Subchannel;
  watches.configure("", [subchannel]);
  await macrotask();
  const atOnce = changes;
  assert.ok(said < 20, `${said} statuses at once`);
  for (let pass = 0; pass < 20; pass++) {
    time.advance(100);
    await macrotask();
  }
  assert.ok(said < 50, `${said} statuses in two seconds`);
  assert.ok(changes > atOnce, "it is heard still");
  watches.configure(undefined, []);
  time.advance(1000);
  const last = said;
  await macrotask();
  assert.equal(said, last);
});
