/** How a server goes away: each step in its turn, within one deadline, and nobody's call fails. */
import "../kit/trap.ts";
import {
  Code,
  type Client,
  ConnectError,
  createMesh,
  createServer,
  createTransport,
  Health,
  implement,
  isHeddleError,
  openRegistry,
  type Server,
} from "heddle";
import { createEndpoint, createEndpointSet, parseTarget } from "heddle/discovery";
import { startControlPlane } from "heddle/control";
import { createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { connectTo } from "../kit/running.ts";
import { until, within } from "../kit/within.ts";

/** A handler that waits to be let go, and knows how many wait. */
function createGate() {
  const opened = Promise.withResolvers<void>();
  const gate = {
    waiting: 0,
    open: () => opened.resolve(),
    async pass() {
      gate.waiting++;
      await opened.promise;
    },
  };
  return gate;
}

test("not ready, deregistered, a grace in which all is served, GOAWAY, the rest finishes, closed: in this order", async (t) => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0" });
  await using mesh = await createMesh({
    service: "orders",
    registry: plane.address,
    stateFolder: false,
    shutdownSignals: [],
    drainGraceMs: 300,
  });
  const gate = createGate();
  const server = await mesh.serve(
    implement(EchoService, {
      async unary() {
        await gate.pass();
        return {};
      },
      async *serverStream() {
        yield {};
        await gate.pass();
        yield {};
      },
      idempotentUnary: () => ({}),
    }),
  );
  await server.registered;
  const steps: string[] = [];

  const probe = createTransport({ target: server.address });
  t.after(() => probe.close("now"));
  const watching = (async () => {
    for await (const { status } of createClient(Health, probe).watch({}, { timeoutMs: 0 }))
      steps.push(`health ${status}`);
  })();
  watching.catch(() => {});

  await using registry = await openRegistry(`heddle://${plane.address}`);
  const stop = new AbortController();
  t.after(() => stop.abort());
  void (async () => {
    const set = createEndpointSet();
    for await (const update of registry.resolver.watch(parseTarget("heddle:///orders"), stop.signal))
      if (set.apply(update).removed.length > 0) steps.push("deregistered");
  })();

  const raw = connectHttp2(`http://${server.address}`);
  await once(raw, "remoteSettings");
  raw.on("goaway", () => {
    if (!steps.includes("goaway")) steps.push("goaway");
  });
  raw.on("close", () => steps.push("closed"));

  const calls = [
    connectTo(t, server.address).unary({}),
    connectTo(t, server.address, { protocol: "connect", http: "1.1" }).unary({}),
    (async () => {
      let answers = 0;
      for await (const _ of connectTo(t, server.address).serverStream({})) answers++;
      assert.equal(answers, 2);
    })(),
  ];
  const finished = Promise.all(calls).then(() => steps.push("finished"));
  await until(() => gate.waiting === 3 && steps.length === 1, "all calls and the watch");

  const closing = server.close();
  await until(() => steps.includes("deregistered"), "deregistering");
  // Who has not heard of it dials, calls, and is served.
  await connectTo(t, server.address).idempotentUnary({});
  await connectTo(t, server.address, { http: "1.1", protocol: "connect" }).idempotentUnary({});
  steps.push("served");
  await until(() => steps.includes("goaway"), "GOAWAY");
  const refused = connectTcp({ host: "127.0.0.1", port: Number(server.address.split(":")[1]) });
  await assert.rejects(once(refused, "connect"), "nobody listens any more");
  gate.open();
  await within(finished, "the calls that ran");
  const { cut } = await within(closing, "closing");
  await until(() => steps.includes("closed"), "the end of the connection");
  assert.deepEqual(cut, []);
  assert.deepEqual(
    steps.filter((step) => step !== "closed"),
    ["health 1", "health 2", "deregistered", "served", "goaway", "finished"],
  );
  await assert.rejects(watching);
});

test("calls that outlast the deadline are cut, in words, and the mesh says which", async (t) => {
  const warnings: string[] = [];
  await using mesh = await createMesh({
    registry: false,
    shutdownSignals: [],
    drainMs: 150,
    onWarning: (text) => warnings.push(text),
  });
  let waiting = 0;
  const aborted: unknown[] = [];
  const server = await mesh.serve(
    implement(EchoService, {
      unary: (_request, { signal }) => {
        waiting++;
        signal.addEventListener("abort", () => aborted.push(signal.reason));
        return new Promise<never>(() => {});
      },
      async *serverStream() {
        yield {};
        waiting++;
        await new Promise(() => {});
      },
    }),
  );
  const failures = [
    connectTo(t, server.address).unary({}, { timeoutMs: 0 }),
    connectTo(t, server.address, { protocol: "connect" }).unary({}, { timeoutMs: 0 }),
    connectTo(t, server.address, { protocol: "connect", http: "1.1" }).unary({}, { timeoutMs: 0 }),
    (async () => {
      for await (const _ of connectTo(t, server.address).serverStream({}, { timeoutMs: 0 }));
    })(),
    (async () => {
      const client = connectTo(t, server.address, { protocol: "grpc-web", http: "1.1" });
      for await (const _ of client.serverStream({}, { timeoutMs: 0 }));
    })(),
  ].map((call: Promise<unknown>) =>
    call.then(
      () => assert.fail("it was answered"),
      (error: unknown) => error as ConnectError,
    ),
  );
  await until(() => waiting === 5, "all calls");
  const { cut, elapsedMs } = await within(server.close(), "closing", 3000);
  assert.ok(elapsedMs >= 149 && elapsedMs < 1000, String(elapsedMs));
  assert.deepEqual(cut.map((method) => method.split("/")[1] ?? "").toSorted(), [
    ...Array<string>(2).fill("ServerStream"),
    ...Array<string>(3).fill("Unary"),
  ]);
  for (const error of await Promise.all(failures)) {
    assert.equal(error.code, Code.Unavailable);
    assert.match(error.rawMessage, /was cut: it still ran 150 ms after .* \(HDL-3002\)$/, error.message);
  }
  assert.equal(aborted.length, 3);
  assert.ok(aborted.every((reason) => isHeddleError(reason) && reason.reason === "serverStopped"));
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0] ?? "",
    /stopped with 5 calls unfinished after 150 ms of draining, which were cut: .*3 × heddle\.test\.v1\.EchoService\/Unary/,
  );
});

test("SIGTERM: a process finishes what it serves, and ends with 0; one that cannot says what it cut", async (t) => {
  for (const [drainMs, ends] of [
    [10_000, "answered"],
    [100, "cut"],
  ] as const) {
    const program = `
      import { createMesh, implement } from "heddle";
      import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
      const mesh = await createMesh({ registry: false, drainMs: ${drainMs} });
      const unary = async () => {
        console.log("serving");
        await new Promise((resolve) => setTimeout(resolve, 700));
        return {};
      };
      const server = await mesh.serve(implement(EchoService, { unary }));
      console.log(server.address);
    `;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      cwd: import.meta.dirname,
      stdio: ["ignore", "pipe", "pipe"],
    });
    t.after(() => child.kill("SIGKILL"));
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
    const [address] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
    const call = connectTo(t, address.trim(), { protocol: "connect", http: "1.1" })
      .unary({})
      .then(
        () => "answered",
        (error: unknown) => (/HDL-3002/.test(String(error)) ? "cut" : String(error)),
      );
    await once(child.stdout, "data");
    child.kill("SIGTERM");
    assert.equal(await call, ends);
    assert.deepEqual(await once(child, "close"), [0, null]);
    if (ends === "cut")
      assert.match(errors, /stopped with 1 call unfinished after 100 ms .*EchoService\/Unary/);
    else assert.equal(errors, "");
  }
});

test("readiness set by the program reaches the registry and its watchers, and comes back", async (t) => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0" });
  const options = { registry: plane.address, stateFolder: false, shutdownSignals: [] } as const;
  await using mesh = await createMesh({ ...options, service: "orders", instance: "orders-1" });
  mesh.ready(false, "the cache is cold");
  const server = await mesh.serve(implement(EchoService, { unary: () => ({}) }));
  assert.deepEqual([server.health.phase, server.health.reason], ["unready", "the cache is cold"]);
  await server.registered;

  await using registry = await openRegistry(`heddle://${plane.address}`);
  const stop = new AbortController();
  t.after(() => stop.abort());
  const seen: string[] = [];
  void (async () => {
    const set = createEndpointSet();
    for await (const update of registry.resolver.watch(parseTarget("heddle:///orders"), stop.signal)) {
      set.apply(update);
      const health = set.endpoints.get("orders-1")?.health ?? "";
      if (health !== seen.at(-1)) seen.push(health);
    }
  })();
  await until(() => seen.at(-1) === "unhealthy", "unready from the start");
  mesh.ready(true);
  await until(() => seen.at(-1) === "unknown", "ready");
  server.health.set(EchoService.typeName, "not_serving");
  await until(() => seen.at(-1) === "unhealthy", "its only service does not serve");
  server.health.set(EchoService.typeName, "serving");
  await until(() => seen.at(-1) === "unknown", "it serves again");
});

test("check: grpc, and http: the registry finds what the server says of itself", async (t) => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0" });
  await using registry = await openRegistry(`heddle://${plane.address}`);
  for (const kind of ["grpc", "http", "tcp", "ttl"] as const) {
    const service = `by-${kind}`;
    await using mesh = await createMesh({
      service,
      instance: service,
      registry: plane.address,
      stateFolder: false,
      shutdownSignals: [],
    });
    const check = { kind, intervalMs: 100, timeoutMs: 100, unhealthyAfter: 1, healthyAfter: 1 };
    const server = await mesh.serve(implement(EchoService, { unary: () => ({}) }), { check });
    const stop = new AbortController();
    t.after(() => stop.abort());
    let health = "";
    void (async () => {
      const set = createEndpointSet();
      for await (const update of registry.resolver.watch(parseTarget(`heddle:///${service}`), stop.signal)) {
        set.apply(update);
        health = set.endpoints.get(service)?.health ?? "";
      }
    })();
    await until(() => health === "healthy", `${kind} finds it healthy`);
    server.health.ready(false);
    await until(() => health === "unhealthy", "its own word");
    server.health.ready(true);
    await until(() => health === "healthy", `${kind} finds it healthy again`);
    stop.abort();
  }
  await using mesh = await createMesh({ registry: false, shutdownSignals: [] });
  await assert.rejects(createMesh({ registry: false, drainGraceMs: -1 }), /drainGraceMs/);
  await assert.rejects(mesh.serve([], { check: "ping" as never }), /check\.kind/);
  await assert.rejects(mesh.serve([], { check: { kind: "http", path: "x" } }), /check\.path/);
  await assert.rejects(mesh.serve([], { check: { kind: "tcp", intervalMs: 5 } }), /check\.intervalMs/);
});

/** Calls one after the other until told to stop; how many, and what failed. */
function keepCalling(call: () => Promise<unknown>, workers: number) {
  let going = true;
  const tally = { calls: 0, failures: [] as string[] };
  const workersDone = Array.from({ length: workers }, async () => {
    while (going) {
      try {
        await call();
        tally.calls++;
      } catch (error) {
        tally.failures.push(String(error));
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  return Object.assign(tally, {
    async stop() {
      going = false;
      await Promise.all(workersDone);
    },
  });
}

test("under load over sockets, instances come and go and no call of any method fails", async (t) => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0" });
  const settings = { registry: plane.address, stateFolder: false, shutdownSignals: [] } as const;
  const implementation = implement(EchoService, {
    async unary() {
      await new Promise((resolve) => setTimeout(resolve, 2));
      return {};
    },
    idempotentUnary: () => ({}),
    async *serverStream() {
      yield {};
      await new Promise((resolve) => setTimeout(resolve, 2));
      yield {};
    },
  });
  const start = async () => {
    const mesh = await createMesh({ ...settings, service: "echo" });
    await (await mesh.serve(implementation)).registered;
    return mesh;
  };
  await using front = await createMesh(settings);
  const client = (options = {}): Client<typeof EchoService> =>
    front.client(EchoService, { target: "heddle:///echo", ...options });
  const [grpc, connect, old] = [
    client(),
    client({ protocol: "connect" }),
    client({ protocol: "connect", http: "1.1" }),
  ];
  let running = [await start(), await start()];
  t.after(() => Promise.all(running.map((mesh) => mesh.close())));
  const loads = [
    keepCalling(() => grpc.unary({}), 8),
    keepCalling(async () => {
      for await (const _ of grpc.serverStream({}));
    }, 4),
    keepCalling(() => connect.unary({}), 4),
    // Over HTTP/1.1 nobody can know whether a request that crossed the end of its connection was seen.
    keepCalling(() => old.idempotentUnary({}), 4),
  ];
  t.after(() => Promise.all(loads.map((load) => load.stop())));
  for (let round = 0; round < 6; round++) {
    const before = loads.map(({ calls }) => calls);
    const next = await start();
    const [oldest, ...others] = running;
    running = [...others, next];
    await oldest?.close();
    await until(
      () => loads.every(({ calls }, i) => calls > (before[i] ?? 0) + 20),
      `more calls of every kind (${loads.map(({ failures }) => failures[0] ?? "").join("; ")})`,
    );
  }
  await Promise.all(loads.map((load) => load.stop()));
  assert.deepEqual(
    loads.flatMap(({ failures }) => failures),
    [],
  );
});

test("in memory, two hundred times over, callers that only GOAWAY tells lose nothing", async (t) => {
  const services = [
    implement(EchoService, {
      async unary() {
        await new Promise((resolve) => setImmediate(resolve));
        return {};
      },
    }),
  ];
  let names = 0;
  const start = () => createServer({ services, listen: `memory:drain-${names++}` });
  let servers = [await start(), await start()];
  t.after(() => Promise.all(servers.map((server) => server.close())));
  let revision = 0n;
  let changed = Promise.withResolvers<void>();
  const tell = () => {
    revision++;
    changed.resolve();
    changed = Promise.withResolvers();
  };
  await using mesh = await createMesh({
    registry: false,
    shutdownSignals: [],
    resolvers: [
      {
        scheme: "told",
        async *watch(_target, signal) {
          signal.addEventListener("abort", tell);
          while (!signal.aborted) {
            const endpoints = servers.map(({ address }) => createEndpoint({ address }));
            yield { kind: "snapshot" as const, epoch: "1", revision, complete: true, endpoints };
            await changed.promise;
          }
        },
      },
    ],
  });
  const client = mesh.client(EchoService, { target: "told:///echo" });
  const load = keepCalling(() => client.unary({}), 6);
  t.after(() => load.stop());
  for (let round = 0; round < 200 && load.failures.length === 0; round++) {
    const calls = load.calls;
    const next = await start();
    servers.push(next);
    tell();
    await until(() => next.connections > 0, "the connection to the new one");
    // Nobody has told the client yet.
    assert.deepEqual((await (servers[0] as Server).close()).cut, []);
    servers = servers.slice(1);
    tell();
    await until(() => load.calls > calls + 5 || load.failures.length > 0, "more calls");
  }
  await load.stop();
  assert.deepEqual(load.failures, []);
});
