/** Bulkheads, limits on calls under way, and throttling: over real sockets. */
import "../kit/trap.ts";
import { Code, ConnectError } from "@connectrpc/connect";
import { type HeddleError, isHeddleError } from "heddle";
import assert from "node:assert/strict";
import { test } from "node:test";
import { filled } from "../kit/bytes.ts";
import { addressesOf, connectTo, startEcho } from "../kit/running.ts";
import { until } from "../kit/within.ts";

const UNARY = { service: "heddle.test.v1.EchoService", method: "Unary" };

/** How it ended: "ok", the catalogue's name of the error, or the name of its code. */
const outcomeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "ok",
    (error: unknown) =>
      isHeddleError(error) ? (error as HeddleError).reason : Code[ConnectError.from(error).code],
  );

const count = (outcomes: readonly string[], wanted: string) =>
  outcomes.filter((outcome) => outcome === wanted).length;

/** A handler that answers when told. */
function createGate() {
  const waiting = new Set<() => void>();
  let isOpen = false;
  return {
    handler: async () => {
      if (!isOpen) await new Promise<void>((resolve) => waiting.add(resolve));
      return {};
    },
    get held() {
      return waiting.size;
    },
    open: () => {
      isOpen = true;
      for (const resolve of waiting) resolve();
    },
  };
}

test("a client's bulkhead fails what is too much at once, and leaves other methods alone", async (t) => {
  const gate = createGate();
  const server = await startEcho(t, { handlers: { unary: gate.handler } });
  const client = connectTo(t, addressesOf(server), {
    serviceConfig: { methods: [{ names: [UNARY], maxConcurrent: 3, maxQueued: 2 }] },
  });
  const calls = Array.from({ length: 10 }, () => outcomeOf(client.unary({})));
  assert.deepEqual(
    await Promise.all(calls.slice(5)),
    Array.from({ length: 5 }, () => "limitReached"),
  );
  await until(() => gate.held === 3, "three are with the handler");
  assert.equal(await outcomeOf(client.idempotentUnary({})), "ok");
  gate.open();
  assert.equal(count(await Promise.all(calls), "ok"), 5);
  assert.equal(await outcomeOf(client.unary({})), "ok", "places are given back");
});

test("a call that waits for a place ends with its deadline or its signal, and gives no place back", async (t) => {
  const gate = createGate();
  const server = await startEcho(t, { handlers: { unary: gate.handler } });
  const client = connectTo(t, addressesOf(server), {
    serviceConfig: { methods: [{ names: [UNARY], maxConcurrent: 1, maxQueued: 9 }] },
  });
  const first = outcomeOf(client.unary({}));
  await until(() => gate.held === 1, "the first is with the handler");
  const abort = new AbortController();
  const late = client.unary({}, { timeoutMs: 30 });
  const cancelled = outcomeOf(client.unary({}, { signal: abort.signal }));
  await assert.rejects(late, /HDL-2201/);
  abort.abort();
  assert.equal(await cancelled, "cancelled");
  const next = outcomeOf(client.unary({}));
  assert.equal(gate.held, 1);
  gate.open();
  assert.deepEqual(await Promise.all([first, next]), ["ok", "ok"]);
});

test("a server's bulkhead refuses what is too much, and another instance takes it", async (t) => {
  const gates = [createGate(), createGate()];
  const servers = await Promise.all(
    gates.map((gate) =>
      startEcho(t, {
        handlers: { unary: gate.handler, idempotentUnary: gate.handler },
        bulkheads: [{ names: [{ service: UNARY.service }], maxConcurrent: 2 }],
      }),
    ),
  );
  const client = connectTo(t, addressesOf(...servers), { balancer: "pick_first" });
  const calls = Array.from({ length: 4 }, () => outcomeOf(client.idempotentUnary({})));
  await until(() => gates.every(({ held }) => held === 2), "two are with each");
  await assert.rejects(client.unary({}), /HDL-2414/);
  for (const gate of gates) gate.open();
  assert.deepEqual(await Promise.all(calls), ["ok", "ok", "ok", "ok"]);
  assert.equal(await outcomeOf(client.unary({})), "ok");
});

test("a system that is well meets no limit: 512 at a time, large messages, slow ones", async (t) => {
  const server = await startEcho(t);
  const client = connectTo(t, addressesOf(server));
  for (const [width, payload] of [
    [1, filled(10)],
    [512, filled(10)],
    [256, filled(64 * 1024)],
  ] as const) {
    const outcomes = await Promise.all(
      Array.from({ length: width * 8 }, () => outcomeOf(client.unary({ payload }, { timeoutMs: 30_000 }))),
    );
    assert.equal(count(outcomes, "ok"), outcomes.length, `${width} at a time`);
  }
});

test("when calls run out of time, only as many as may be under way are sent, and the others fail at once", async (t) => {
  const gate = createGate();
  const server = await startEcho(t, { handlers: { unary: gate.handler } });
  const client = connectTo(t, addressesOf(server));
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, () => outcomeOf(client.unary({}, { timeoutMs: 50 }))),
  );
  assert.equal(count(outcomes, "deadlineExceeded"), 40);
  const began = performance.now();
  const calls = Array.from({ length: 200 }, () => outcomeOf(client.unary({}, { timeoutMs: 2000 })));
  const refused = await Promise.any(calls);
  assert.equal(refused, "limitReached");
  assert.ok(performance.now() - began < 1000);
  await until(() => gate.held > 40, "the others are with the handler");
  const sent = gate.held - 40;
  assert.ok(sent >= 16 && sent <= 60, `${sent} were sent`);
  gate.open();
  assert.equal(count(await Promise.all(calls), "ok"), sent);
});

test("a limited instance leaves its calls to the others", async (t) => {
  const gate = createGate();
  const stuck = await startEcho(t, { handlers: { unary: gate.handler } });
  const good = await startEcho(t);
  const client = connectTo(t, addressesOf(stuck, good), {
    balancer: "round_robin",
    serviceConfig: { outlierEjection: false },
  });
  await until(async () => {
    await outcomeOf(client.unary({}, { timeoutMs: 20 }));
    return gate.held > 0;
  }, "both are there");
  await Promise.all(Array.from({ length: 60 }, () => outcomeOf(client.unary({}, { timeoutMs: 50 }))));
  const before = gate.held;
  const outcomes = await Promise.all(
    Array.from({ length: 200 }, () => outcomeOf(client.unary({}, { timeoutMs: 200 }))),
  );
  assert.ok(gate.held - before <= 40, `${gate.held - before} of 200 met the one that is stuck`);
  assert.ok(count(outcomes, "ok") >= 150, `${count(outcomes, "ok")} of 200 went well`);
  gate.open();
});

test("while a service refuses for overload most calls are not sent, and when it is well all are again", async (t) => {
  let isOverloaded = true;
  let asked = 0;
  const unary = async () => {
    asked++;
    if (isOverloaded)
      throw new ConnectError("too much", Code.ResourceExhausted, { "grpc-retry-pushback-ms": "-1" });
    return {};
  };
  const server = await startEcho(t, { handlers: { unary } });
  const client = connectTo(t, addressesOf(server), {
    serviceConfig: { throttling: { minPerSecond: 5 }, concurrencyLimit: false },
  });
  const outcomes: string[] = [];
  for (let n = 0; n < 500; n++) outcomes.push(await outcomeOf(client.unary({})));
  assert.ok(asked < 50, `${asked} of 500 were sent`);
  assert.equal(count(outcomes, "throttled"), 500 - asked);
  assert.equal(
    await outcomeOf(client.unary({}, { headers: { "heddle-criticality": "critical_plus" } })),
    "ResourceExhausted",
    "levels are counted apart",
  );
  isOverloaded = false;
  let inARow = 0;
  await until(async () => {
    inARow = (await outcomeOf(client.unary({}))) === "ok" ? inARow + 1 : 0;
    return inARow >= 50;
  }, "all are sent again");
});
