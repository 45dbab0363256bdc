/** The xDS client against a scripted control plane, under virtual time. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate as macrotask } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { NodeSchema } from "../../gen/envoy/config/core/v3/core_pb.ts";
import { createSeededRandom } from "../../runtime/random.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import { createVirtualTime } from "../../runtime/virtual-time.ts";
import { parseTarget } from "../target.ts";
import { createAdsClient } from "./ads-client.ts";
import { cluster, endpoints, FakeControlPlane, listener, route, typeUrl } from "./fake-control-plane.test.ts";
import type { XdsType } from "./xds-resource.ts";
import { createXdsSource } from "./xds-source.ts";

function start(t: TestContext, variant: "sotw" | "delta") {
  const time = createVirtualTime();
  const runtime = createRuntime({ clock: time, timers: time, random: createSeededRandom(1) });
  const plane = new FakeControlPlane();
  const warnings: string[] = [];
  const client = createAdsClient({
    transport: plane.transport,
    node: create(NodeSchema, { id: "test" }),
    variant,
    runtime,
    onWarning: (message) => warnings.push(message),
  });
  t.after(() => client[Symbol.dispose]());
  const source = createXdsSource({ client, listenerOf: (name) => name, runtime });

  function follow(name: string) {
    const controller = new AbortController();
    const seen = {
      shown: undefined as string | undefined,
      complete: true,
      snapshots: 0,
      error: undefined as unknown,
    };
    const ended = (async () => {
      try {
        for await (const update of source.open(parseTarget(`xds:///${name}`), controller.signal)) {
          if (update.kind !== "snapshot") continue;
          seen.snapshots++;
          seen.complete = update.complete ?? true;
          seen.shown = update.endpoints
            .map(({ address, weight }) => `${address.split(":")[1]}*${weight}`)
            .join(" ");
        }
      } catch (error) {
        seen.error = error;
      }
    })();
    const stop = async () => {
      controller.abort();
      await ended;
    };
    t.after(stop);
    return { seen, stop };
  }

  /** Lets time pass and everything that follows happen. */
  async function pass(ms = 0): Promise<void> {
    for (const step of [0, ms]) {
      time.advance(step);
      for (let turn = 0; turn < 20; turn++) await macrotask();
    }
  }
  return { plane, follow, pass, warnings };
}

/** The last thing that was asked about a type. */
function lastOf<Request extends { readonly typeUrl: string }>(
  stream: { readonly requests: readonly Request[] },
  type: XdsType,
): Request {
  const found = stream.requests.findLast((request) => request.typeUrl === typeUrl(type));
  assert.ok(found, `nothing was asked about ${type}`);
  return found;
}

let nonces = 0;

/** State of the world: everything of a type, under a version. */
function sotwAnswer(type: XdsType, versionInfo: string, ...resources: readonly Any[]) {
  return { typeUrl: typeUrl(type), versionInfo, nonce: `n${++nonces}`, resources: [...resources] };
}

test("state of the world: from listener to endpoints, each answer acknowledged, the node said once", async (t) => {
  const { plane, follow, pass } = start(t, "sotw");
  const { seen } = follow("orders");
  await pass();
  const [stream] = plane.sotw;
  assert.ok(stream);
  assert.deepEqual(lastOf(stream, "listener").resourceNames, ["orders"]);
  assert.equal(stream.requests[0]?.node?.id, "test");

  stream.send(sotwAnswer("listener", "1", listener("orders", "r")));
  await pass();
  assert.equal(lastOf(stream, "listener").versionInfo, "1");
  assert.equal(lastOf(stream, "listener").responseNonce, `n${nonces}`);
  assert.deepEqual(lastOf(stream, "route").resourceNames, ["r"]);
  stream.send(sotwAnswer("route", "1", route("r", { a: 1 })));
  await pass();
  stream.send(sotwAnswer("cluster", "1", cluster("a")));
  await pass();
  assert.equal(seen.snapshots, 0);
  stream.send(sotwAnswer("endpoints", "1", endpoints("a", { zone: "z", ports: { 1: 1, 2: 3 } })));
  await pass();
  assert.equal(seen.shown, "1*1 2*3");
  assert.equal(stream.requests.filter(({ node }) => node !== undefined).length, 1);

  stream.send(sotwAnswer("endpoints", "2", endpoints("a", { ports: { 2: 1 } })));
  await pass();
  assert.equal(seen.shown, "2*1");
});

/** Answers everything about a target that goes to one cluster. */
async function serveSotw({ plane, pass }: ReturnType<typeof start>, at = 0) {
  const stream = plane.sotw[at];
  assert.ok(stream);
  stream.send(sotwAnswer("listener", "1", listener("orders", "r")));
  stream.send(sotwAnswer("route", "1", route("r", { a: 1 })));
  await pass();
  stream.send(sotwAnswer("route", "1", route("r", { a: 1 })));
  await pass();
  stream.send(sotwAnswer("cluster", "1", cluster("a")));
  await pass();
  stream.send(sotwAnswer("endpoints", "1", endpoints("a", { ports: { 1: 1 } })));
  await pass();
  return stream;
}

test("what cannot be used is refused with words, and what was good stays in use", async (t) => {
  const context = start(t, "sotw");
  const { seen } = context.follow("orders");
  await context.pass();
  const stream = await serveSotw(context);
  assert.equal(seen.shown, "1*1");
  stream.send({ ...sotwAnswer("endpoints", "2", endpoints("a", { ports: { 0: 1 } })) });
  await context.pass();
  const refusal = lastOf(stream, "endpoints");
  assert.equal(refusal.versionInfo, "1");
  assert.equal(refusal.responseNonce, `n${nonces}`);
  assert.match(refusal.errorDetail?.message ?? "", /endpoints "a": the address "127\.0\.0\.1:0".*port 0/);
  assert.match(context.warnings.join(), /cannot be used/);
  // A control plane that has nothing better sends it again and again: refused each time, told once.
  const told = context.warnings.length;
  for (let again = 0; again < 5; again++) {
    stream.send({ ...sotwAnswer("endpoints", "2", endpoints("a", { ports: { 0: 1 } })) });
    await context.pass();
    assert.ok(lastOf(stream, "endpoints").errorDetail);
  }
  assert.equal(context.warnings.length, told);
  assert.equal(seen.shown, "1*1");
  stream.send(sotwAnswer("endpoints", "3", endpoints("a", { ports: { 3: 1 } })));
  await context.pass();
  assert.equal(lastOf(stream, "endpoints").errorDetail, undefined);
  assert.equal(seen.shown, "3*1");
});

test("a listener that the whole state lacks is gone; endpoints that an answer lacks are not", async (t) => {
  const context = start(t, "sotw");
  const { seen } = context.follow("orders");
  await context.pass();
  const stream = await serveSotw(context);
  stream.send(sotwAnswer("endpoints", "2"));
  await context.pass();
  assert.equal(seen.shown, "1*1");
  stream.send(sotwAnswer("listener", "2"));
  await context.pass();
  assert.equal(seen.shown, "");
  assert.equal(seen.complete, true);
});

test("a resource of which nothing is heard for 15 s counts as not there, but not as a complete answer", async (t) => {
  const context = start(t, "sotw");
  const { seen } = context.follow("orders");
  await context.pass();
  context.plane.sotw[0]?.send(sotwAnswer("listener", "1"));
  await context.pass(14_000);
  assert.equal(seen.snapshots, 0);
  await context.pass(2_000);
  assert.equal(seen.shown, "");
  assert.equal(seen.complete, false);
  context.plane.sotw[0]?.send(sotwAnswer("listener", "2", listener("orders", "r")));
  await context.pass();
  assert.deepEqual(lastOf(context.plane.sotw[0] as never, "route").typeUrl, typeUrl("route"));
});

test("a stream that is lost ends the attempt; the next one resumes with names, versions and what was known", async (t) => {
  const context = start(t, "sotw");
  const first = context.follow("orders");
  await context.pass();
  const stream = await serveSotw(context);
  stream.fail();
  await context.pass();
  assert.match(String(first.seen.error), /the server goes/);
  const second = context.follow("orders");
  await context.pass(200);
  const again = context.plane.sotw[1];
  assert.ok(again);
  for (const type of ["listener", "route", "cluster", "endpoints"] as const) {
    assert.equal(lastOf(again, type).versionInfo, "1");
    assert.equal(lastOf(again, type).responseNonce, "");
  }
  assert.equal(again.requests.filter(({ node }) => node?.id === "test").length, 1);
  assert.equal(second.seen.snapshots, 0, "nothing was heard yet");
  again.send(sotwAnswer("listener", "1", listener("orders", "r")));
  await context.pass();
  assert.equal(second.seen.shown, "1*1");
});

test("another cluster is used when its endpoints are there, and the old one kept until then", async (t) => {
  const context = start(t, "sotw");
  const { seen } = context.follow("orders");
  await context.pass();
  const stream = await serveSotw(context);
  stream.send(sotwAnswer("route", "2", route("r", { b: 1 })));
  await context.pass();
  assert.deepEqual(lastOf(stream, "cluster").resourceNames, ["a", "b"]);
  stream.send(sotwAnswer("cluster", "2", cluster("a"), cluster("b")));
  await context.pass();
  assert.deepEqual(lastOf(stream, "endpoints").resourceNames, ["a", "b"]);
  assert.equal(seen.shown, "1*1");
  stream.send(sotwAnswer("endpoints", "2", endpoints("b", { ports: { 7: 1 } })));
  await context.pass();
  assert.equal(seen.shown, "7*1");
  await context.pass(6_000);
  assert.deepEqual(lastOf(stream, "endpoints").resourceNames, ["b"]);
});

test("all targets share one stream, which ends when nobody wants anything", async (t) => {
  const context = start(t, "sotw");
  const one = context.follow("orders");
  const two = context.follow("payments");
  await context.pass();
  assert.equal(context.plane.sotw.length, 1);
  const stream = context.plane.sotw[0];
  assert.ok(stream);
  assert.deepEqual(lastOf(stream, "listener").resourceNames, ["orders", "payments"]);
  await two.stop();
  await context.pass(6_000);
  assert.deepEqual(lastOf(stream, "listener").resourceNames, ["orders"]);
  await one.stop();
  await context.pass(6_000);
  const three = context.follow("orders");
  await context.pass(3_000);
  assert.equal(context.plane.sotw.length, 2);
  await three.stop();
});

test("a cluster that cannot be used is an error that says why", async (t) => {
  const context = start(t, "sotw");
  const { seen } = context.follow("orders");
  await context.pass();
  const stream = context.plane.sotw[0];
  stream?.send(sotwAnswer("listener", "1", { ...listener("orders", "r"), value: new Uint8Array([0xff]) }));
  await context.pass();
  // Bytes of which not even the name is known concern nobody in particular.
  assert.equal(seen.error, undefined);
  stream?.send(sotwAnswer("listener", "2", listener("orders", "")));
  await context.pass();
  assert.match(String(seen.error), /listener orders: its rds has no route_config_name/);
});

test("delta: names come and go, removals are believed, and a new stream says which versions it has", async (t) => {
  const { plane, follow, pass } = start(t, "delta");
  const first = follow("orders");
  await pass();
  const [stream] = plane.delta;
  assert.ok(stream);
  assert.deepEqual(lastOf(stream, "listener").resourceNamesSubscribe, ["orders"]);
  const send = (at: typeof stream, type: XdsType, name: string, version: string, resource: Any) =>
    at.send({ typeUrl: typeUrl(type), nonce: `d${++nonces}`, resources: [{ name, version, resource }] });
  send(stream, "listener", "orders", "l1", listener("orders", "r"));
  await pass();
  send(stream, "route", "r", "r1", route("r", { a: 3, b: 1 }));
  await pass();
  assert.deepEqual(lastOf(stream, "cluster").resourceNamesSubscribe, ["a", "b"]);
  send(stream, "cluster", "a", "c1", cluster("a"));
  send(stream, "cluster", "b", "c1", cluster("b"));
  await pass();
  send(stream, "endpoints", "a", "e1", endpoints("a", { ports: { 1: 1 } }));
  await pass();
  assert.equal(first.seen.snapshots, 0);
  stream.send({ typeUrl: typeUrl("endpoints"), nonce: "gone", removedResources: ["b"] });
  await pass();
  assert.equal(lastOf(stream, "endpoints").responseNonce, "gone");
  assert.equal(first.seen.shown, "1*1");
  assert.equal(first.seen.complete, true);
  send(stream, "endpoints", "b", "e2", endpoints("b", { ports: { 2: 1 } }));
  await pass();
  assert.equal(first.seen.shown, "1*10000 2*3333");

  send(stream, "endpoints", "b", "e3", endpoints("wrong", { ports: { 2: 1 } }));
  await pass();
  assert.match(lastOf(stream, "endpoints").errorDetail?.message ?? "", /it came under the name "b"/);

  stream.fail();
  await pass();
  const second = follow("orders");
  await pass(200);
  const again = plane.delta[1];
  assert.ok(again);
  assert.deepEqual(lastOf(again, "endpoints").initialResourceVersions, { a: "e1", b: "e2" });
  assert.deepEqual(lastOf(again, "endpoints").resourceNamesSubscribe, ["a", "b"]);
  // A server that has nothing new says nothing.
  await pass(4_100);
  assert.equal(second.seen.shown, "1*10000 2*3333");
});
