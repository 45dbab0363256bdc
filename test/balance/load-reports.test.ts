/** What instances say of their load reaches the balancer, by probes and along with answers. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer as listenTcp } from "node:net";
import { test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createServer, createTransport, implement } from "heddle";
import type { AttemptOutcome, Balancer, Candidate, LoadReport } from "heddle/balance";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { until } from "../kit/within.ts";
import { block, frame, RawPeer, settingsAck } from "../wire/raw-peer.ts";

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

test("of reports that a server sends without end some are heard", async (t) => {
  const LOAD = 0xf4;
  const peers: RawPeer[] = [];
  const listener = listenTcp((socket) => {
    const peer = new RawPeer(socket, true, { ofClient: true });
    peers.push(peer);
    peer.write(frame(4, 0, 0, [0xf0, 0x49, 0, 0, 0, 1]), settingsAck);
    void until(() => peer.frames.some(({ type }) => type === 1), "a request").then(async () => {
      await peer.flood(1000, () => frame(LOAD, 0, 0, new Uint8Array(20)));
      peer.write(
        frame(
          1,
          5,
          1,
          block([
            [":status", "200"],
            ["content-type", "application/grpc"],
            ["grpc-status", "5"],
          ]),
        ),
      );
    });
  }).listen(0, "127.0.0.1");
  t.after(() => {
    for (const { socket } of peers) socket.destroy();
    listener.close();
  });
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const { transport, echo, listening } = await openListening(`127.0.0.1:${port}`);
  const startedMs = performance.now();
  await assert.rejects(echo.unary({}), { code: Code.NotFound });
  const most = (performance.now() - startedMs) / 5 + 1;
  assert.ok(listening.reports.length >= 1);
  assert.ok(listening.reports.length <= most, `${listening.reports.length} of 1000`);
  transport.close("now");
});
