/**
 * A server that computes, in a process of its own, under two and three times what it can do. Callers send by the clock,
 * whatever becomes of earlier calls. What the figures should be is in the issue of overload control: see
 * docs/guides/overload.md. The same in virtual time and over many seeds: `heddle/simulate`, simulateOverload.
 */
import { createClient } from "@connectrpc/connect";
import { createTransport } from "heddle";
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { startProgram } from "../kit/processes.ts";

const WORK_MS = 4;
const TIMEOUT_MS = 2000;

interface Counts {
  sent: number;
  good: number;
}

interface Callers {
  /** Sends so many calls a second of each level for a time; resolves when all have ended. */
  send(perSecond: Readonly<Record<string, number>>, forMs: number): Promise<Record<string, Counts>>;
  /** Calls a second that it answers when as many as it can take are always there, not more. */
  saturation(): Promise<number>;
  /** Calls that the handler has begun. */
  begun(): Promise<number>;
}

async function startCallers(t: TestContext, naive: boolean): Promise<Callers> {
  const { address } = await startProgram(t, "busy", new URL("./busy-server.ts", import.meta.url), {
    WORK_MS: String(WORK_MS),
    ADMISSION: naive ? "off" : "on",
  });
  const transport = createTransport({ target: address, ...(naive ? { maxAttempts: 1 } : {}) });
  t.after(() => transport.close());
  const client = createClient(EchoService, transport);

  async function call(level: string): Promise<void> {
    const headers = { "heddle-criticality": level };
    if (!naive) return void (await client.idempotentUnary({}, { headers, timeoutMs: TIMEOUT_MS }));
    for (let attempt = 0; ; attempt++) {
      // As by hand: nobody tells the server that the attempt was given up.
      const answer = client.idempotentUnary({}, { timeoutMs: 20_000 }).then(() => true);
      answer.catch(() => {});
      const given = new Promise<false>((resolve) => setTimeout(() => resolve(false), TIMEOUT_MS / 4));
      if (await Promise.race([answer, given])) return;
      if (attempt === 3) throw new Error("no answer in four attempts");
    }
  }

  return {
    async send(perSecond, forMs) {
      const counts: Record<string, Counts> = {};
      const running: Promise<void>[] = [];
      const startedMs = performance.now();
      await new Promise<void>((resolve) => {
        const timer = setInterval(() => {
          const elapsedMs = Math.min(performance.now() - startedMs, forMs);
          for (const [level, rate] of Object.entries(perSecond)) {
            const count = (counts[level] ??= { sent: 0, good: 0 });
            for (; count.sent < (elapsedMs * rate) / 1000; count.sent++)
              running.push(
                call(level).then(
                  () => void count.good++,
                  () => {},
                ),
              );
          }
          if (elapsedMs < forMs) return;
          clearInterval(timer);
          resolve();
        }, 4);
      });
      await Promise.all(running);
      return counts;
    },
    async saturation() {
      const forMs = 1500;
      let answered = 0;
      const untilMs = performance.now() + forMs;
      const headers = { "heddle-criticality": "critical_plus" };
      const caller = async () => {
        for (; performance.now() < untilMs; answered++) await client.idempotentUnary({}, { headers });
      };
      await Promise.all(Array.from({ length: 10 }, caller));
      return (answered * 1000) / forMs;
    },
    async begun() {
      const { echo } = await client.unary({});
      return Number(echo?.instance);
    },
  };
}

const sum = (counts: Record<string, Counts>) =>
  Object.values(counts).reduce((all, { good }) => all + good, 0);

for (const times of [2, 3]) {
  test(`at ${times} times its capacity a server goes on working, for what is critical first`, async (t) => {
    const callers = await startCallers(t, false);
    const capacity = await callers.saturation();
    const before = await callers.begun();
    const forMs = 5000;
    const levels = { critical: 0.6 * capacity, sheddable: (times - 0.6) * capacity };
    const counts = await callers.send(levels, forMs);
    const good = sum(counts);
    const begun = (await callers.begun()) - before;
    const { critical, sheddable } = counts as Record<"critical" | "sheddable", Counts>;
    const goodput = (good * 1000) / forMs / capacity;
    const told = JSON.stringify({ capacity, critical, sheddable, goodput, work: begun / good });
    t.diagnostic(told);
    // All of them in virtual time; here the machine itself stands still now and then.
    assert.ok(critical.good >= 0.99 * critical.sent, told);
    assert.ok(goodput >= 0.8, told);
    assert.ok(begun / good <= 1.1, told);
    // It is over: everything is answered again.
    const half = { critical: 0.3 * capacity, sheddable: 0.2 * capacity };
    const after = await callers.send(half, 3000);
    const last = await callers.send(half, 1000);
    assert.ok(
      Object.values(last).every(({ sent, good: answered }) => answered === sent),
      JSON.stringify({ after, last }),
    );
  });
}

test("three naive retries keep a server down without admission when the burst is long over", async (t) => {
  const callers = await startCallers(t, true);
  const capacity = await callers.saturation();
  const usual = { critical: 0.7 * capacity };
  const [burst, later] = await Promise.all([
    callers.send({ burst: 2 * capacity }, 2000),
    callers.send(usual, 6000),
  ]);
  const last = await callers.send(usual, 1000);
  const told = JSON.stringify({ burst, later, last });
  t.diagnostic(told);
  assert.ok(sum(last) < 0.5 * (last["critical"]?.sent ?? 0), told);
});

test("a server that keeps up refuses nothing: at 60 % of its capacity, and with 256 quick calls in flight", async (t) => {
  const callers = await startCallers(t, false);
  const capacity = await callers.saturation();
  const counts = await callers.send({ critical: 0.6 * capacity }, 4000);
  t.diagnostic(JSON.stringify(counts));
  assert.equal(counts["critical"]?.good, counts["critical"]?.sent);
  const untilMs = performance.now() + 2000;
  let answered = 0;
  const quick = async () => {
    for (; performance.now() < untilMs; answered++) await callers.begun();
  };
  await Promise.all(Array.from({ length: 256 }, quick));
  t.diagnostic(`${answered} quick calls`);
});
