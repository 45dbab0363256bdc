/**
 * The ten failures of `failures.test.ts` as a lone caller meets them: what `explain` says of the call that failed names the
 * cause in its one sentence, as far as a caller can know it. Who gets no answer and hears nothing can't tell a dead host from a
 * broken way to it; that it is one of them, and not a slow handler, it can tell.
 */
import "../kit/trap.ts";
import { createMesh, explain, explainText, recordOf } from "heddle";
import { startControlPlane } from "heddle/control";
import assert from "node:assert/strict";
import { test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { startInstance } from "../kit/processes.ts";
import { type Fleet, startFleet } from "../resilience/fleet.ts";

interface Failure {
  readonly name: string;
  readonly strike: (fleet: Fleet) => unknown;
  /** Of the sentence. */
  readonly cause: RegExp;
  readonly timeoutMs?: number;
}

const GONE =
  /nothing at all came from 127\.0\.0\.1:\d+ .*in the \d+ ms .*: it is gone, cut off or stands still/;

const failures: readonly Failure[] = [
  { name: "dead host", strike: (fleet) => fleet.way("lonely", "a").blackHole(), cause: GONE },
  { name: "half-dead socket", strike: (fleet) => fleet.way("lonely", "a").halfDead(), cause: GONE },
  { name: "one-way partition", strike: (fleet) => fleet.way("lonely", "a").answers.blackHole(), cause: GONE },
  {
    name: "slow",
    strike: (fleet) => fleet.get("a").faults.latency(3000),
    cause: /127\.0\.0\.1:\d+ \S+ is slow: it had the request for \d+ ms .* its connection was alive/,
    timeoutMs: 1500,
  },
  {
    name: "flapping",
    strike: (fleet) => fleet.way("lonely", "a").refuse(),
    cause: /127\.0\.0\.1:\d+.*(ECONNRESET|closed by the peer)/,
  },
  {
    name: "bad deploy",
    strike: (fleet) => fleet.get("a").faults.fastFailing(),
    cause: /127\.0\.0\.1:\d+ \S+ answered so: "a fails on purpose".*at the last of 3 attempts/,
  },
  {
    name: "drained zone",
    strike: (fleet) => fleet.get("a").close(1000),
    cause: /none of the 1 known instances .*127\.0\.0\.1:\d+.*(ECONN|closed by the peer)/,
  },
];

test("seven failures: the sentence names the cause", { concurrency: true }, async (t) => {
  await Promise.all(
    failures.map(({ name, strike, cause, timeoutMs = 1000 }, i) =>
      t.test(name, async (t) => {
        const fleet = await startFleet(t, { seed: i + 1, names: ["a"] });
        const { record } = await fleet.errorOf("a", { strike: () => strike(fleet), timeoutMs });
        const { sentence, details } = explain(record);
        assert.match(sentence, cause);
        assert.ok(!sentence.includes("\n") && sentence.length < 400, sentence);
        assert.ok(
          details.some((line) => line.startsWith("attempt 1 ")),
          details.join("\n"),
        );
        assert.match(explainText(record), /\n {2}no further attempt: /);
      }),
    ),
  );
});

test("black hole: the sentence names the address that did not answer", async (t) => {
  const fleet = await startFleet(t, { seed: 8, names: ["a"] });
  const client = fleet.caller("late", { waitForReadyMs: 300, connectTimeoutMs: 200 });
  fleet.way("late", "a").blackHole();
  const error: unknown = await client.idempotentUnary({}).catch((caught: unknown) => caught);
  const record = recordOf(error);
  assert.ok(record !== undefined);
  const dialled = await fleet.faults.route("late", fleet.get("a").address);
  const { sentence } = explain(record);
  assert.ok(
    sentence.includes(`cannot connect to ${dialled}`) && sentence.includes("within 200 ms"),
    sentence,
  );
});

test("overload: the sentence names how many calls are at the instance", async (t) => {
  let last: Promise<unknown> = Promise.resolve();
  const fleet = await startFleet(t, {
    seed: 9,
    names: ["a"],
    interceptors: {
      a: (next) => async (request) => {
        last = last.then(() => new Promise((resolve) => setTimeout(resolve, 100)));
        await last;
        return next(request);
      },
    },
  });
  const client = fleet.caller("eager");
  await client.idempotentUnary({});
  const crowd = await Promise.allSettled(
    Array.from({ length: 30 }, () => client.idempotentUnary({}, { timeoutMs: 700 })),
  );
  const sentences = crowd.flatMap((one) => {
    const record = one.status === "rejected" ? recordOf(one.reason) : undefined;
    return record === undefined ? [] : [explain(record).sentence];
  });
  assert.ok(sentences.length > 10);
  for (const sentence of sentences)
    assert.match(sentence, /127\.0\.0\.1:\d+.*(with \d\d? calls of this client there|more to do|too many)/);
});

test("the registry and an instance die together: the sentence names the instance and why", async (t) => {
  const plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 1 });
  t.after(() => plane[Symbol.asyncDispose]());
  const a = await startInstance(t, "a", plane.address);
  const mesh = await createMesh({ registry: plane.address, stateFolder: false, onWarning: () => {} });
  t.after(() => mesh.close({ drainMs: 0 }));
  const client = mesh.client(EchoService, { waitForReadyMs: 500 });
  await client.idempotentUnary({});
  await Promise.all([plane[Symbol.asyncDispose](), a.kill()]);
  const error: unknown = await client
    .idempotentUnary({}, { timeoutMs: 2000 })
    .catch((caught: unknown) => caught);
  const record = recordOf(error);
  assert.ok(record !== undefined);
  const { sentence } = explain(record);
  assert.ok(sentence.includes(a.address) && sentence.includes("ECONNREFUSED"), sentence);
});
