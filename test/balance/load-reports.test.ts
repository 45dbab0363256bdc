/** What instances say of their load reaches the balancer, by probes and along with answers. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createServer, createTransport, implement } from "heddle";
import type { AttemptOutcome, Balancer, Candidate, LoadReport } from "heddle/balance";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { until } from "../kit/within.ts";

const bytes = (word: string) => new TextEncoder().encode(word);
const text = (payload: Uint8Array) => new TextDecoder().decode(payload);

/** Takes turns, probes whom it picks, and keeps what it is told. */
class Listening<C extends Candidate> implements Balancer<C> {
  readonly name = "listening";
  readonly reports: { report: LoadReport; probed: boolean }[] = [];
  readonly outcomes: AttemptOutcome[] = [];
  readonly latenciesMs: number[] = [];
  #ready: readonly C[] = [];

  update(candidates: readonly C[]): void {
    this.#ready = [...candidates];
  }

  pick(): C | undefined {
    return this.#ready[0];
  }

  ended(_candidate: C, _nowMs: number, latencyMs: number, outcome: AttemptOutcome): void {
    this.outcomes.push(outcome);
    this.latenciesMs.push(latencyMs);
  }

  reported(_candidate: C, _nowMs: number, report: LoadReport, probed: boolean): void {
    this.reports.push({ report: { ...report }, probed });
  }

  probeTargets(): readonly C[] {
    return this.#ready;
  }
}

async function openListening(address: string) {
  let listening: Listening<Candidate> | undefined;
  const transport = createTransport({
    target: `static:///${address}`,
    balancer: <C extends Candidate>() => {
      const made = new Listening<C>();
      listening = made as unknown as Listening<Candidate>;
      return made;
    },
  });
  assert.ok(listening !== undefined);
  return { transport, echo: createClient(EchoService, transport), listening };
}

test("probes are answered, and answers to calls bring reports along", async () => {
  const held = Promise.withResolvers<void>();
  await using server = await createServer({
    services: [
      implement(EchoService, {
        async unary({ payload }) {
          if (text(payload) === "held") await held.promise;
          return {};
        },
      }),
    ],
  });
  const { transport, echo, listening } = await openListening(server.address);
  const waiting = [1, 2, 3].map(() => echo.unary({ payload: bytes("held") }));
  await until(async () => {
    await echo.unary({ payload: bytes("probe") });
    return listening.reports.some(({ report }) => report.requestsInFlight === 3);
  }, "three in flight");
  assert.ok(listening.reports.some(({ probed }) => probed));
  assert.ok(listening.reports.some(({ probed }) => !probed));
  held.resolve();
  await Promise.all(waiting);
  for (const { report } of listening.reports) assert.ok(report.requestsInFlight <= 4);
  transport.close("now");
});

test("the end of each attempt is told, with what it says of the instance", async () => {
  const held = Promise.withResolvers<void>();
  await using server = await createServer({
    services: [
      implement(EchoService, {
        async unary({ payload }) {
          if (text(payload) === "broken") throw new ConnectError("broken", Code.Internal);
          if (text(payload) === "missing") throw new ConnectError("no such thing", Code.NotFound);
          await held.promise;
          return {};
        },
      }),
    ],
  });
  const { transport, echo, listening } = await openListening(server.address);
  await assert.rejects(echo.unary({ payload: bytes("broken") }));
  await assert.rejects(echo.unary({ payload: bytes("missing") }));
  await assert.rejects(echo.unary({ payload: bytes("held") }, { timeoutMs: 30 }));
  held.resolve();
  await echo.unary({ payload: bytes("held") });
  assert.deepEqual(listening.outcomes, ["failed", "ok", "cancelled", "ok"]);
  assert.ok((listening.latenciesMs[2] ?? 0) >= 29);
  transport.close("now");
});
