/** A service config at work: what it says of methods, who goes before whom, and what running clients make of a change. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { isHeddleError } from "../call/errors.ts";
import { startScriptedServer, until } from "../connection/scripted-peer.test.ts";
import { Echo } from "../contract/echo-service.test.ts";
import { methodOf } from "../contract/method.ts";
import { createEndpoint } from "../discovery/endpoint.ts";
import { parseTarget } from "../discovery/target.ts";
import type { ServiceConfig } from "../policy/service-config.ts";
import { createSeededRandom } from "../runtime/random.ts";
import { createRuntime } from "../runtime/runtime.ts";
import { createVirtualTime } from "../runtime/virtual-time.ts";
import { Channel } from "./channel.ts";
import { createStub } from "./stub.ts";
import { createScriptedResolver, createVirtualClient, failureOf } from "./virtual-client.test.ts";

const SAY = { service: "heddle.unit.Echo", method: "Say" };
const methods = (rule: NonNullable<ServiceConfig["methods"]>[number]): ServiceConfig => ({
  methods: [{ names: [SAY], ...rule }],
});

/** A channel whose config a test sets from the file and from discovery. */
function createWorld(name: string, code?: ServiceConfig) {
  const time = createVirtualTime();
  const runtime = createRuntime({ clock: time, timers: time, random: createSeededRandom(1) });
  const discovery = createScriptedResolver();
  const warnings: string[] = [];
  const servers = ["a", "b"].map((id) => startScriptedServer(`config-${name}-${id}`, () => {}));
  const endpoints = servers.map(({ address }, index) =>
    createEndpoint({ id: "ab"[index] as string, address }),
  );
  const channel = new Channel({
    target: parseTarget("scripted:///orders"),
    resolver: discovery.resolver,
    runtime,
    options: code === undefined ? {} : { serviceConfig: code },
    onWarning: (message) => void warnings.push(message),
  });
  let revision = 0n;
  const say = (serviceConfig: unknown) => {
    revision += 1n;
    discovery.push({ kind: "snapshot", epoch: "e", revision, endpoints, complete: true, serviceConfig });
  };
  return {
    channel,
    servers,
    warnings,
    time,
    echo: createStub(Echo, channel),
    /** What discovery says of the config from now on. */
    say,
    timeoutMs: () => channel.policyOf(methodOf(Echo.method.say)).timeoutMs,
    async ready() {
      say(undefined);
      channel.connect();
      await until(
        () => [...channel.subchannels.values()].filter(({ state }) => state === "ready").length === 2,
        "both ready",
      );
    },
    [Symbol.dispose]() {
      channel.close("now");
      for (const server of servers) server[Symbol.dispose]();
    },
  };
}

test("without a config all methods share two policies, those of the client's options", () => {
  using client = createVirtualClient({ target: "memory:none", defaultTimeoutMs: 70, maxAttempts: 2 });
  const policyOf = (name: "say" | "get" | "put") => client.channel.policyOf(methodOf(Echo.method[name]));
  assert.equal(policyOf("get"), policyOf("put"));
  assert.notEqual(policyOf("get"), policyOf("say"));
  assert.deepEqual(
    [policyOf("say").timeoutMs, policyOf("say").retry, policyOf("get").retry?.maxAttempts],
    [70, undefined, 2],
  );
  assert.ok(Object.isFrozen(policyOf("say")));
});

test("a rule says what holds for its methods, and the client's options hold for the rest", () => {
  using client = createVirtualClient({
    target: "memory:none",
    maxSendMessageBytes: 100,
    serviceConfig: {
      methods: [
        {
          names: [SAY],
          timeoutMs: 0,
          waitForReadyMs: 9,
          idempotent: true,
          maxRequestBytes: 500,
          maxResponseBytes: 8_000_000,
          criticality: "sheddable",
          retry: {
            maxAttempts: 4,
            initialBackoffMs: 5,
            retryableCodes: ["ABORTED"],
            perAttemptTimeoutMs: 50,
          },
          hedge: { delayMs: 20 },
          maxConcurrent: 3,
        },
        { names: [{ service: "heddle.unit.Echo" }], retry: false },
      ],
    },
  });
  const say = client.channel.policyOf(methodOf(Echo.method.say));
  assert.equal(say, client.channel.policyOf(methodOf(Echo.method.say)));
  const { retry, hedge, rule, ...rest } = say;
  assert.deepEqual(rest, {
    idempotent: true,
    timeoutMs: Number.POSITIVE_INFINITY,
    waitForReadyMs: 9,
    maxRequestBytes: 100,
    maxResponseBytes: 8_000_000,
    criticality: "sheddable",
    maxConcurrent: 3,
    maxQueued: 0,
  });
  assert.deepEqual([retry?.maxAttempts, retry?.perAttemptTimeoutMs, retry?.backoff.baseMs], [4, 50, 5]);
  assert.deepEqual([...(retry?.retryableCodes ?? [])], [Code.Aborted]);
  assert.deepEqual([hedge?.delayMs, hedge?.maxAttempts], [20, 2]);
  assert.deepEqual(rule?.names, [SAY]);
  const get = client.channel.policyOf(methodOf(Echo.method.get));
  assert.deepEqual([get.idempotent, get.retry, get.timeoutMs], [true, undefined, 15_000]);
});

test("retry alone does not make a method repeatable: the contract says so, or idempotent", () => {
  const retryOf = (serviceConfig: ServiceConfig) => {
    using client = createVirtualClient({ target: "memory:none", serviceConfig });
    return client.channel.policyOf(methodOf(Echo.method.say)).retry;
  };
  assert.equal(retryOf(methods({ retry: { maxAttempts: 5 } })), undefined);
  assert.equal(retryOf(methods({ retry: { maxAttempts: 5 }, idempotent: true }))?.maxAttempts, 5);
});

test("a call keeps to the time and the wait of its method", async () => {
  const { resolver } = createScriptedResolver();
  using client = createVirtualClient({
    target: "scripted:///orders",
    resolver,
    serviceConfig: {
      methods: [
        { names: [SAY], waitForReadyMs: 100 },
        { names: [{ service: "heddle.unit.Echo", method: "Get" }], timeoutMs: 700, waitForReadyMs: 5000 },
      ],
    },
  });
  const slow = failureOf(client.echo.get({}));
  const quick = failureOf(client.echo.say({}));
  await client.pass(101);
  const error = await quick;
  assert.match(error.rawMessage, /discovery did not answer within 100 ms/);
  await client.pass(800);
  assert.equal((await slow).code, Code.DeadlineExceeded);
  assert.match((await slow).rawMessage, /deadline of 700 ms/);
});

test("a message over the limit of its method is refused", async () => {
  using client = createVirtualClient({
    target: "memory:none",
    serviceConfig: methods({ maxRequestBytes: 3 }),
  });
  const error = await failureOf(client.echo.say({ value: new Uint8Array(9) }));
  assert.ok(isHeddleError(error) && error.reason === "messageTooLarge");
  assert.match(error.rawMessage, /limit of 3 bytes/);
});

test("gRPC's form does as well, and what is wrong is refused when the client is made", () => {
  using client = createVirtualClient({
    target: "memory:none",
    serviceConfig: { methodConfig: [{ name: [SAY], timeout: "0.25s" }] },
  });
  assert.equal(client.channel.policyOf(methodOf(Echo.method.say)).timeoutMs, 250);
  assert.throws(
    () => createVirtualClient({ target: "memory:none", serviceConfig: { methods: [{ timeoutMs: -1 }] } }),
    (error) => isHeddleError(error) && error.heddleCode === "HDL-1008",
  );
});

test("running clients follow what discovery says, and what they cannot use leaves the last good one in use", async () => {
  using world = createWorld("follows");
  await world.ready();
  assert.equal(world.timeoutMs(), 15_000);
  world.say(methods({ timeoutMs: 40 }));
  await until(() => world.timeoutMs() === 40, "the new time");
  assert.deepEqual(world.channel.describe().serviceConfig, {
    from: "control plane",
    config: methods({ timeoutMs: 40 }),
  });
  world.say(methods({ timeoutMs: "40" as never }));
  await until(() => world.warnings.length === 1, "a warning");
  assert.match(
    world.warnings[0] as string,
    /^service config of scripted:\/\/\/orders in the control plane is not valid: methods\[0\]\.timeoutMs: .*; what was in use before stays so$/,
  );
  assert.equal(world.timeoutMs(), 40);
  world.say(undefined);
  await until(() => world.timeoutMs() === 15_000, "none");
  assert.equal(world.channel.describe().serviceConfig, undefined);
});

test("a rule for a method that the contract does not have is told, with the one that may be meant", async () => {
  using world = createWorld("unknown");
  await world.ready();
  const name = (method: string) => ({ service: "heddle.unit.Echo", method });
  world.say({ methods: [{ names: [name("Sai"), name("Say"), { service: "other.v1.Echo", method: "X" }] }] });
  await until(() => world.channel.describe().serviceConfig !== undefined, "the config");
  assert.deepEqual(world.warnings, [
    "service config of scripted:///orders from control plane: heddle.unit.Echo has no method Sai; did you mean Say?",
  ]);
});

test("code goes before file, file before control plane, each whole", async () => {
  using world = createWorld("order");
  await world.ready();
  world.say({ ...methods({ timeoutMs: 1 }), balancer: "random" });
  await until(() => world.timeoutMs() === 1, "the control plane's");
  world.channel.setFileConfig({ balancer: "round_robin" });
  assert.equal(world.timeoutMs(), 15_000);
  assert.equal(world.channel.describe().serviceConfig?.from, "file");
  world.channel.setFileConfig(undefined);
  assert.equal(world.timeoutMs(), 1);
  using coded = createWorld("order-code", methods({ timeoutMs: 3 }));
  coded.channel.setFileConfig(methods({ timeoutMs: 2 }));
  assert.equal(coded.timeoutMs(), 3);
  assert.equal(coded.channel.describe().serviceConfig?.from, "code");
});

test("another balancer takes over with the calls in flight counted, and calls under way are not disturbed", async () => {
  using world = createWorld("swapped");
  await world.ready();
  world.say({ balancer: "pick_first" });
  await until(() => world.channel.describe().serviceConfig !== undefined, "pick first");
  const first = Array.from({ length: 6 }, () => world.echo.say({}));
  const inFlight = () => [...world.channel.subchannels.values()].map((one) => one.inFlight);
  await until(() => inFlight().includes(6), "all on one");
  world.say({ balancer: { least_request: { fullScanUpTo: 4 } } });
  await until(
    () => typeof world.channel.describe().serviceConfig?.config.balancer === "object",
    "least request",
  );
  const second = Array.from({ length: 6 }, () => world.echo.say({}));
  await until(() => inFlight().every((count) => count === 6), "the other one has caught up");
  await until(
    () => world.servers.every(({ requests }) => requests.filter(({ ended }) => ended).length === 6),
    "sent",
  );
  for (const { requests } of world.servers) for (const request of requests) request.answer();
  await Promise.all([...first, ...second]);
  assert.deepEqual(inFlight(), [0, 0]);
});
