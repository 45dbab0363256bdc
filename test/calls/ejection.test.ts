/** Instances that fail are left out: over real sockets, with the defaults. */
import "../kit/trap.ts";
import { Code, ConnectError } from "@connectrpc/connect";
import { createTransport, type TransportOptions } from "heddle";
import { createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { addressesOf, startEcho } from "../kit/running.ts";
import { until } from "../kit/within.ts";

interface Fleet {
  readonly target: string;
  /** Which of them fail now. */
  readonly bad: Set<number>;
  /** Calls that each was asked. */
  readonly asked: number[];
}

/** Those that are bad answer UNAVAILABLE after 1 ms; the others take 5 ms. */
async function startFleet(t: TestContext, size: number, bad: readonly number[]): Promise<Fleet> {
  const asked = Array.from({ length: size }, () => 0);
  const failing = new Set(bad);
  const servers = await Promise.all(
    asked.map((_, i) =>
      startEcho(t, {
        handlers: {
          unary: async () => {
            asked[i] = (asked[i] as number) + 1;
            await sleep(failing.has(i) ? 1 : 5);
            if (failing.has(i)) throw new ConnectError("broken", Code.Unavailable);
            return {};
          },
        },
      }),
    ),
  );
  return { target: addressesOf(...servers), bad: failing, asked };
}

function connect(t: TestContext, fleet: Fleet, options: Omit<TransportOptions, "target"> = {}) {
  const transport = createTransport({ target: fleet.target, ...options });
  t.after(() => transport.close("now"));
  const client = createClient(EchoService, transport);
  const call = () =>
    client.unary({}).then(
      () => true,
      () => false,
    );
  const ready = () => transport.describe().instances.filter(({ state }) => state === "ready").length;
  const ejected = () => transport.describe().instances.filter((instance) => instance.ejected !== "");
  return {
    ejected,
    call,
    ready: async () => {
      await call();
      await until(() => ready() === fleet.asked.length, "all are connected to");
    },
  };
}

/** Calls by `width` callers, each one after the other, until `isOver`. */
async function load(width: number, call: () => Promise<boolean>, isOver: () => boolean) {
  let calls = 0;
  let failed = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (!isOver()) {
        calls++;
        if (!(await call())) failed++;
      }
    }),
  );
  return { calls, failed };
}

const after = (ms: number) => {
  const endMs = performance.now() + ms;
  return () => performance.now() >= endMs;
};

// A policy that goes by latency avoids what has failed, so that five failures in a row take it longer to gather.
for (const [balancer, withinMs] of [
  ["default", 2000],
  ["round_robin", 200],
] as const) {
  test(`one of ten that fails at once is out within ${withinMs} ms, and 99 % of what it would fail is avoided (${balancer})`, async (t) => {
    const fleet = await startFleet(t, 10, []);
    const client = connect(t, fleet, { balancer });
    await client.ready();
    const warm = await load(16, client.call, after(300));
    // How much longer a call takes on this machine than on one with nothing else to do, where 16 get 5 ms each.
    const slowness = Math.max(1, (16 * 300) / 7 / warm.calls);

    const before = [...fleet.asked];
    fleet.bad.add(3);
    const began = performance.now();
    let outAfterMs = Number.NaN;
    const isOut = () => {
      if (Number.isNaN(outAfterMs) && client.ejected().length === 1) outAfterMs = performance.now() - began;
      return !Number.isNaN(outAfterMs);
    };
    await load(16, client.call, () => isOut() || performance.now() - began > 5000);
    let sent = 0;
    const call = () => {
      sent++;
      return client.call();
    };
    const isLate = after(20_000);
    const { calls, failed } = await load(16, call, () => sent >= 12_000 || isLate());

    const total = fleet.asked.reduce((sum, asked, i) => sum + asked - (before[i] as number), 0);
    const wrong = (fleet.asked[3] as number) - (before[3] as number);
    t.diagnostic(
      `out after ${outAfterMs.toFixed(0)} ms; ${wrong} of ${total} calls met it; after that ${failed} of ${calls} failed`,
    );
    assert.ok(outAfterMs < withinMs * slowness, `${outAfterMs} ms, on a machine ${slowness} times as slow`);
    assert.ok(wrong <= (total / 10) * 0.01, `${wrong} of ${total} calls met it`);
    assert.deepEqual(
      client.ejected().map(({ state }) => state),
      ["ready"],
    );
  });
}

test("when it works again a single call brings it back", async (t) => {
  const fleet = await startFleet(t, 3, [1]);
  const client = connect(t, fleet, { balancer: "round_robin" });
  await client.ready();
  await until(async () => {
    await client.call();
    return client.ejected().length === 1;
  }, "it is out");
  assert.match(client.ejected()[0]?.ejected ?? "", /fail/);
  assert.ok((client.ejected()[0]?.ejectedUntilMs ?? 0) > Date.now() - 1000);
  fleet.bad.clear();
  await until(async () => {
    await client.call();
    return client.ejected().length === 0;
  }, "it is back");
  const asked = fleet.asked[1] as number;
  await load(8, client.call, after(200));
  assert.ok((fleet.asked[1] as number) > asked, "and it gets calls again");
});

test("one that flaps is out for longer each time, and back in between", async (t) => {
  const fleet = await startFleet(t, 5, []);
  const client = connect(t, fleet, { balancer: "round_robin" });
  await client.ready();
  let isBad = false;
  const flapping = setInterval(() => {
    isBad = !isBad;
    if (isBad) fleet.bad.add(0);
    else fleet.bad.delete(0);
  }, 300);
  t.after(() => clearInterval(flapping));
  let ejections = 0;
  let wasOut = false;
  const { calls, failed } = await load(
    8,
    () => {
      const isOut = client.ejected().length > 0;
      if (isOut && !wasOut) ejections++;
      wasOut = isOut;
      return client.call();
    },
    after(6000),
  );
  t.diagnostic(`${failed} of ${calls} failed, ${ejections} ejections`);
  assert.ok(ejections >= 1 && ejections <= 5, `${ejections} ejections`);
  assert.ok(failed <= ejections * 20, `${failed} of ${calls} failed`);
});

test("four of ten are bad: all four stay out, and the others bear it without a panic", async (t) => {
  const fleet = await startFleet(t, 10, []);
  const client = connect(t, fleet, { balancer: "round_robin" });
  await client.ready();
  for (const i of [0, 1, 2, 3]) fleet.bad.add(i);
  const isLate = after(5000);
  await load(16, client.call, () => client.ejected().length === 4 || isLate());
  const before = [...fleet.asked];
  let fewestIn = 10;
  const { calls } = await load(
    16,
    () => {
      fewestIn = Math.min(fewestIn, 10 - client.ejected().length);
      return client.call();
    },
    after(3000),
  );
  const wrong = [0, 1, 2, 3].reduce((sum, i) => sum + (fleet.asked[i] as number) - (before[i] as number), 0);
  t.diagnostic(`${wrong} of ${calls} calls met one of the four; fewest in the set: ${fewestIn}`);
  assert.equal(fewestIn, 6);
  assert.ok(wrong <= calls * 0.4 * 0.01, `${wrong} of ${calls}`);
});

test("while all fail nobody is ejected, and all serve again at once", async (t) => {
  const fleet = await startFleet(t, 4, [0, 1, 2, 3]);
  const client = connect(t, fleet, { balancer: "round_robin" });
  await client.ready();
  const { calls, failed } = await load(8, client.call, after(500));
  assert.equal(failed, calls);
  assert.equal(client.ejected().length, 0);
  fleet.bad.clear();
  assert.equal((await load(8, client.call, after(200))).failed, 0);
});
