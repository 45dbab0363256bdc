/** Clients that ask instances whether they serve, on the connections that their calls go over (gRPC A17). */
import "../kit/trap.ts";
import {
  Code,
  ConnectError,
  createMesh,
  createServer,
  Health,
  HealthStatus as Status,
  implement,
  type ServiceImpl,
  type TransportOptions,
} from "heddle";
import grpc from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { rejectsWith } from "../interop/cases/errors.ts";
import { addressesOf, connectTo, startEcho } from "../kit/running.ts";
import { until } from "../kit/within.ts";

const ASKS = { serviceConfig: { healthCheck: { serviceName: "" } } } as const;

/** Calls one after the other, and counts who answered. */
async function whoAnswers(client: ReturnType<typeof connectTo>, calls = 40): Promise<Map<string, number>> {
  const answers = new Map<string, number>();
  await Promise.all(
    Array.from({ length: calls }, async () => {
      const instance = (await client.unary({})).echo?.instance ?? "";
      answers.set(instance, (answers.get(instance) ?? 0) + 1);
    }),
  );
  return answers;
}

for (const way of [{}, { protocol: "connect" }, { protocol: "connect", http: "1.1" }] as const)
  test(`an instance gets calls while it says SERVING (${Object.values(way).join(", ") || "grpc"})`, async (t) => {
    const a = await startEcho(t, { instance: "a" });
    const b = await startEcho(t, { instance: "b" });
    const client = connectTo(t, addressesOf(a, b), {
      ...ASKS,
      ...way,
      balancer: "round_robin",
      waitForReadyMs: 700,
    });
    const served = () =>
      whoAnswers(client).then(
        (answers) => [...answers.keys()].toSorted().join(),
        () => "not all",
      );
    await until(async () => (await served()) === "a,b", "both serve");
    a.health.ready(false, "the cache is cold");
    await until(async () => (await served()) === "b", "only b serves");
    b.health.set("", "not_serving");
    await until(
      () =>
        client.unary({}).then(
          () => false,
          () => true,
        ),
      "none serves",
    );
    await rejectsWith(
      client.unary({}),
      Code.Unavailable,
      /none of the 2 known instances .* says that it is NOT_SERVING; .* says that it is NOT_SERVING \(HDL-2102\)/,
    );
    a.health.ready(true);
    await until(async () => (await served()) === "a", "a serves again, and it alone");
  });

/** A server with a health service of its own making. */
async function startAsked(
  t: TestContext,
  watch: ServiceImpl<typeof Health>["watch"],
  options: Omit<TransportOptions, "target"> = {},
) {
  const server = await createServer({
    services: [implement(Health, { watch }), implement(EchoService, { unary: () => ({}) })],
    onHandlerError: () => {},
  });
  t.after(() => server.close({ drainMs: 100 }));
  return { server, client: connectTo(t, server.address, { ...ASKS, ...options }) };
}

test("a channel says which of its instances do not serve, and why", async (t) => {
  const a = await startEcho(t, { instance: "a" });
  a.health.ready(false);
  await using mesh = await createMesh({ registry: false });
  const client = mesh.client(EchoService, { target: a.address, ...ASKS, waitForReadyMs: 20 });
  await rejectsWith(client.unary({}), Code.Unavailable);
  const now = () => mesh.channels()[0]?.instances[0];
  await until(() => now()?.lastError.endsWith("says that it is NOT_SERVING") === true, "its word");
  assert.equal(now()?.state, "transient_failure");
  a.health.ready(true);
  await until(() => now()?.state === "ready", "ready");
});

test("one that does not know the question serves, and is not asked again", async (t) => {
  let asked = 0;
  // biome-ignore lint/correctness/useYield: it says nothing
  const { client } = await startAsked(t, async function* () {
    asked++;
    throw new ConnectError("not here", Code.Unimplemented);
  });
  for (let i = 0; i < 20; i++) await client.unary({});
  assert.equal(asked, 1);
  const without = await startEcho(t, { health: false });
  await connectTo(t, without.address, ASKS).unary({});
});

test("a stream that ends is opened again after a pause that grows, and what it says counts", async (t) => {
  const askedAtMs: number[] = [];
  const { client } = await startAsked(
    t,
    async function* ({ service }, { signal }) {
      assert.equal(service, "");
      askedAtMs.push(performance.now());
      if (askedAtMs.length === 1) throw new Error("this one fails");
      yield { status: Status.NOT_SERVING };
      if (askedAtMs.length === 2) return;
      yield { status: Status.SERVING };
      await new Promise((resolve) => {
        signal.addEventListener("abort", resolve);
      });
    },
    { waitForReadyMs: 30_000 },
  );
  await client.unary({});
  const pauses = askedAtMs.slice(1).map((ms, i) => ms - (askedAtMs[i] ?? 0));
  assert.equal(pauses.length, 2);
  assert.ok((pauses[0] ?? 0) >= 155 && (pauses[1] ?? 0) >= 250, pauses.join());
});

test("an answer that never comes holds calls back for as long as they wait, and is said", async (t) => {
  const { client } = await startAsked(
    t,
    // biome-ignore lint/correctness/useYield: it says nothing
    async function* (_, { signal }) {
      await new Promise((resolve) => {
        signal.addEventListener("abort", resolve);
      });
    },
    { waitForReadyMs: 50 },
  );
  await until(async () => {
    const { message } = await rejectsWith(client.unary({}), Code.Unavailable);
    return /has not said yet whether it serves \(HDL-2102\)/.test(message);
  }, "what it waits for, once it is connected");
});

test("a server of grpc-js is watched", async (t) => {
  const watches = new Set<(status: number) => void>();
  const raw = <T>(value: T) => value;
  const method = {
    requestStream: false,
    requestSerialize: raw,
    requestDeserialize: raw,
    responseDeserialize: raw,
  };
  const server = new grpc.Server();
  server.addService(
    {
      watch: {
        ...method,
        path: "/grpc.health.v1.Health/Watch",
        responseStream: true,
        responseSerialize: (status: number) => Buffer.of(8, status),
      },
    } as never,
    {
      watch: (call: grpc.ServerWritableStream<Buffer, number>) => {
        assert.deepEqual([...call.request], [0x0a, 3, ...Buffer.from("a.B")]);
        watches.add((status) => call.write(status));
        call.write(Status.SERVING);
      },
    },
  );
  server.addService(
    {
      unary: {
        ...method,
        path: `/${EchoService.typeName}/Unary`,
        responseStream: false,
        responseSerialize: () => Buffer.alloc(0),
      },
    } as never,
    { unary: (_: unknown, callback: grpc.sendUnaryData<null>) => callback(null, null) },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  t.after(() => server.forceShutdown());
  const client = connectTo(t, `127.0.0.1:${port}`, {
    serviceConfig: { healthCheck: { serviceName: "a.B" } },
    waitForReadyMs: 50,
  });
  const works = () =>
    client.unary({}).then(
      () => true,
      () => false,
    );
  await until(works, "it serves at first");
  for (const tell of watches) tell(Status.NOT_SERVING);
  await until(async () => !(await works()), "it does not serve");
  for (const tell of watches) tell(Status.SERVICE_UNKNOWN);
  assert.equal(await works(), false);
  for (const tell of watches) tell(Status.SERVING);
  await until(works, "it serves");
});

test("a watch keeps no connection that is drained, replaced or idle", async (t) => {
  const a = await startEcho(t, { instance: "a" });
  const b = await startEcho(t, { instance: "b" });
  const aging = connectTo(t, a.address, { ...ASKS, maxConnectionAgeMs: 100 });
  const deadline = performance.now() + 450;
  while (performance.now() < deadline) await aging.unary({});
  await until(() => a.connections <= 2, "those that are old to go");

  const idle = connectTo(t, b.address, { ...ASKS, idleTimeoutMs: 30 });
  await idle.unary({});
  await until(() => b.connections === 0, "an idle client lets go");
  await idle.unary({});

  const both = connectTo(t, addressesOf(a, b), { ...ASKS, balancer: "round_robin" });
  await until(async () => (await whoAnswers(both)).size === 2, "both serve");
  const calling = whoAnswers(both, 200);
  const { elapsedMs } = await a.close();
  assert.ok(elapsedMs < 5000, `${elapsedMs} ms: the watches did not keep it`);
  await calling;
  assert.deepEqual([...(await whoAnswers(both)).keys()], ["b"]);
});
