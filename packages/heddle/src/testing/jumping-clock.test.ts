import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, Code } from "@connectrpc/connect";
import { createTransport } from "../client/transport.ts";
import { Echo } from "../contract/echo-service.test.ts";
import { implement } from "../server/implement.ts";
import { createServer } from "../server/server.ts";
import { createJumpingClock, createRuntime, createVirtualTime } from "./index.ts";

test("the wall jumps both ways, the monotonic reading only with a stall, and forward", () => {
  const time = createVirtualTime(0);
  const clock = createJumpingClock(time);
  time.advance(100);
  assert.deepEqual([clock.now(), clock.wallMs()], [100, 100]);
  clock.jumpWall(-3_600_000);
  assert.deepEqual([clock.now(), clock.wallMs()], [100, 100 - 3_600_000]);
  clock.stall(5000);
  assert.deepEqual([clock.now(), clock.wallMs()], [5100, 5100 - 3_600_000]);
  time.advance(1);
  assert.equal(clock.now(), 5101);
});

test("a wall clock that jumps an hour costs no call; a process that stood still finds its deadlines passed", async (t) => {
  const time = createVirtualTime();
  const clock = createJumpingClock(time);
  const runtime = createRuntime({ clock, timers: time });
  const say = async ({ value }: { value: Uint8Array }) => {
    if (value.length > 0) await new Promise<void>((resolve) => void time.after(1000, resolve));
    return {};
  };
  const server = await createServer({ services: [implement(Echo, { say })], listen: "memory:jump", runtime });
  const transport = createTransport({ target: "memory:jump", runtime });
  t.after(async () => {
    transport.close("now");
    await time.run(server.close({ drainMs: 0 }));
  });
  const client = createClient(Echo, transport);
  await time.run(client.say({}));
  const slow = client.say({ value: new Uint8Array(1) });
  time.after(100, () => clock.jumpWall(3_600_000));
  time.after(200, () => clock.jumpWall(-7_200_000));
  await time.run(slow);
  const caught = client.say({ value: new Uint8Array(1) });
  time.after(100, () => clock.stall(20_000));
  await time.run(assert.rejects(caught, { code: Code.DeadlineExceeded }));
});
