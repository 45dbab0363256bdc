import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Endpoint } from "../endpoint.ts";
import { type EndpointSlice, readEndpointSlice } from "./endpoint-slice.ts";
import { createSliceUnion, type SliceUnion, type UnionChange } from "./slice-union.ts";

interface Pod {
  readonly ip: string;
  readonly name?: string;
  readonly state?: "ready" | "leaving" | "none";
  readonly zone?: string;
}

const CONDITIONS = {
  ready: { ready: true, serving: true, terminating: false },
  leaving: { ready: false, serving: true, terminating: true },
  none: { ready: false, serving: false, terminating: false },
};

function slice(name: string, pods: readonly Pod[], fields: object = {}): EndpointSlice {
  return readEndpointSlice({
    metadata: { name, namespace: "shop", labels: { "kubernetes.io/service-name": "orders" } },
    addressType: "IPv4",
    ports: [{ name: "grpc", port: 80 }],
    endpoints: pods.map(({ ip, name: pod, state = "ready", zone }) => ({
      addresses: [ip],
      conditions: CONDITIONS[state],
      ...(zone === undefined ? {} : { zone }),
      ...(pod === undefined ? {} : { targetRef: { kind: "Pod", name: pod } }),
    })),
    ...fields,
  });
}

const ids = (endpoints: Iterable<Endpoint>) => [...endpoints].map(({ id }) => id).toSorted();
const shown = (union: SliceUnion) =>
  [...union.endpoints.values()]
    .map(({ id, address, draining }) => `${id}@${address}${draining ? " draining" : ""}`)
    .toSorted();

test("a service is the union of its slices, and a step tells no more than what changed", () => {
  const union = createSliceUnion({ port: undefined });
  const added = union.put(
    slice("s1", [
      { ip: "10.0.0.1", name: "a", zone: "z1" },
      { ip: "10.0.0.2", name: "b" },
    ]),
  );
  assert.deepEqual(ids(added.upserted), ["a", "b"]);
  assert.deepEqual(added.upserted[0], {
    id: "a",
    address: "10.0.0.1:80",
    otherAddresses: [],
    service: "orders",
    contracts: [],
    protocols: [],
    weight: 1,
    zone: "z1",
    metadata: { "kubernetes.namespace": "shop" },
    health: "healthy",
    draining: false,
  });
  assert.deepEqual(ids(union.put(slice("s2", [{ ip: "10.0.0.3", name: "c" }])).upserted), ["c"]);
  const changed = union.put(
    slice("s1", [
      { ip: "10.0.0.1", name: "a", zone: "z1" },
      { ip: "10.0.0.4", name: "d" },
    ]),
  );
  assert.deepEqual([ids(changed.upserted), changed.removed], [["d"], ["b"]]);
  const again = union.put(slice("s2", [{ ip: "10.0.0.3", name: "c" }]));
  assert.deepEqual(again, { upserted: [], removed: [] });
  assert.deepEqual(union.remove("shop/s1").removed.toSorted(), ["a", "d"]);
  assert.deepEqual(union.remove("shop/unknown"), { upserted: [], removed: [] });
  assert.deepEqual(shown(union), ["c@10.0.0.3:80"]);
});

test("what moves from one slice to another is never gone and never there twice", () => {
  const union = createSliceUnion({ port: undefined });
  union.put(
    slice("s1", [
      { ip: "10.0.0.1", name: "a" },
      { ip: "10.0.0.2", name: "b" },
    ]),
  );
  assert.deepEqual(union.put(slice("s2", [{ ip: "10.0.0.1", name: "a" }])), { upserted: [], removed: [] });
  assert.deepEqual(union.put(slice("s1", [{ ip: "10.0.0.2", name: "b" }])), { upserted: [], removed: [] });
  assert.deepEqual(shown(union), ["a@10.0.0.1:80", "b@10.0.0.2:80"]);
});

test("of two slices that disagree about an address the one that calls it ready is believed", () => {
  const union = createSliceUnion({ port: undefined });
  union.put(
    slice("s1", [
      { ip: "10.0.0.1", name: "a", state: "leaving" },
      { ip: "10.0.0.9", name: "z" },
    ]),
  );
  assert.deepEqual(shown(union), ["a@10.0.0.1:80 draining", "z@10.0.0.9:80"]);
  // Another pod has the address already: the one that ends is nobody any more.
  const change = union.put(slice("s2", [{ ip: "10.0.0.1", name: "b" }]));
  assert.deepEqual([ids(change.upserted), change.removed], [["b"], ["a"]]);
  assert.deepEqual(shown(union), ["b@10.0.0.1:80", "z@10.0.0.9:80"]);
  union.put(slice("s3", [{ ip: "10.0.0.9", name: "z", state: "leaving" }]));
  assert.deepEqual(shown(union), ["b@10.0.0.1:80", "z@10.0.0.9:80"]);
});

test("what is about to end gets calls only while nothing else is there", () => {
  const union = createSliceUnion({ port: undefined });
  union.put(slice("s1", [{ ip: "10.0.0.1", name: "a", state: "leaving" }]));
  assert.deepEqual(shown(union), ["a@10.0.0.1:80"]);
  const first = union.put(slice("s2", [{ ip: "10.0.0.2", name: "b" }]));
  assert.deepEqual(ids(first.upserted), ["a", "b"]);
  assert.deepEqual(shown(union), ["a@10.0.0.1:80 draining", "b@10.0.0.2:80"]);
  const last = union.put(slice("s2", [{ ip: "10.0.0.2", name: "b", state: "none" }]));
  assert.deepEqual([ids(last.upserted), last.removed], [["a"], ["b"]]);
  assert.deepEqual(shown(union), ["a@10.0.0.1:80"]);
});

test("a pod with two address families is one endpoint, IPv4 first", () => {
  const union = createSliceUnion({ port: undefined });
  union.put(slice("s6", [{ ip: "fd00::1", name: "a" }], { addressType: "IPv6" }));
  union.put(slice("s4", [{ ip: "10.0.0.1", name: "a" }]));
  const [endpoint] = union.endpoints.values();
  assert.deepEqual([endpoint?.address, endpoint?.otherAddresses], ["10.0.0.1:80", ["[fd00::1]:80"]]);
  union.remove("shop/s4");
  assert.deepEqual(shown(union), ["a@[fd00::1]:80"]);
});

test("names of hosts, several addresses, and endpoints without a pod", () => {
  const union = createSliceUnion({ port: undefined });
  const endpoints = [{ addresses: ["a.example", "b.example"] }, { addresses: ["not a host"] }];
  union.put(slice("s1", [], { addressType: "FQDN", endpoints }));
  const [endpoint] = union.endpoints.values();
  assert.deepEqual(
    [union.endpoints.size, endpoint?.id, endpoint?.address, endpoint?.otherAddresses],
    [1, "a.example:80", "a.example:80", ["b.example:80"]],
  );
});

test("ports differ from slice to slice, and those of none are told when nothing is left", () => {
  const union = createSliceUnion({ port: "grpc" });
  union.put(slice("s1", [{ ip: "10.0.0.1", name: "a" }], { ports: [{ name: "http", port: 8080 }] }));
  assert.equal(union.unfitPorts, "http (8080)");
  union.put(slice("s2", [{ ip: "10.0.0.2", name: "b" }], { ports: [{ name: "grpc", port: 4001 }] }));
  assert.equal(union.unfitPorts, undefined);
  assert.deepEqual(shown(union), ["b@10.0.0.2:4001"]);
  union.put(slice("s1", [{ ip: "10.0.0.1", name: "a" }], { ports: [{ name: "grpc", port: 4000 }] }));
  assert.deepEqual(shown(union), ["a@10.0.0.1:4000", "b@10.0.0.2:4001"]);
});

/** Pods of few names and addresses in few slices, so that they collide all the time. */
const pods = fc.uniqueArray(
  fc.record({
    ip: fc.constantFrom("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"),
    name: fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }),
    state: fc.constantFrom("ready", "leaving", "none"),
    zone: fc.constantFrom("z1", "z2"),
  }),
  { maxLength: 4 },
) as fc.Arbitrary<readonly Pod[]>;
const event = fc.record({
  name: fc.constantFrom("s1", "s2", "s3"),
  pods: fc.option(pods, { nil: undefined }),
  family: fc.constantFrom("IPv4", "FQDN"),
});

test("whatever the order of events, the union is that of the slices that are left, and the steps add up to it", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 20 }), fc.gen(), (events, gen) => {
      const union = createSliceUnion({ port: undefined });
      const followed = new Map<string, Endpoint>();
      const left = new Map<string, EndpointSlice>();
      const follow = ({ upserted, removed }: UnionChange) => {
        for (const id of removed) assert.ok(followed.delete(id), "only what was there is removed");
        for (const endpoint of upserted) {
          assert.notDeepEqual(followed.get(endpoint.id), endpoint, "only what changed is told");
          followed.set(endpoint.id, endpoint);
        }
      };
      for (const { name, pods: now, family } of events) {
        if (now === undefined) {
          left.delete(`shop/${name}`);
          follow(union.remove(`shop/${name}`));
        } else {
          const written = slice(name, now, { addressType: family });
          left.set(written.key, written);
          follow(union.put(written));
        }
      }
      const sorted = (endpoints: Iterable<Endpoint>) =>
        [...endpoints].toSorted((a, b) => (a.id < b.id ? -1 : 1));
      assert.deepEqual(sorted(followed.values()), sorted(union.endpoints.values()));

      const fresh = createSliceUnion({ port: undefined });
      const shuffled = gen(fc.shuffledSubarray, [...left.values()], {
        minLength: left.size,
        maxLength: left.size,
      });
      for (const written of shuffled) fresh.put(written);
      assert.deepEqual(sorted(union.endpoints.values()), sorted(fresh.endpoints.values()));

      const addresses = [...union.endpoints.values()].flatMap(({ address, otherAddresses }) => [
        address,
        ...otherAddresses,
      ]);
      assert.equal(new Set(addresses).size, addresses.length, "an address belongs to one endpoint");
      const wanted = [...left.values()].flatMap(({ endpoints }) =>
        endpoints.filter(({ use }) => use !== "none").map((endpoint) => `${endpoint.addresses[0]}:80`),
      );
      assert.deepEqual(new Set(addresses), new Set(wanted), "no address is lost");
      const anyReady = [...left.values()].some(({ endpoints }) =>
        endpoints.some(({ use }) => use === "ready"),
      );
      if (!anyReady) assert.ok([...union.endpoints.values()].every(({ draining }) => !draining));
      else assert.ok([...union.endpoints.values()].some(({ draining }) => !draining));
    }),
    { numRuns: 500 },
  );
});
