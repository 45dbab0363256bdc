import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { parseAddress } from "../../call/address.ts";
import { Cluster_DiscoveryType, ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.ts";
import {
  RouteConfigurationSchema,
  type VirtualHostSchema,
} from "../../gen/envoy/config/route/v3/route_pb.ts";
import { any, cluster, endpoints, type FakeLocality, listener, route } from "./fake-control-plane.test.ts";
import { followXdsChain, type XdsChain, type XdsFind } from "./xds-chain.ts";
import { readXdsResource, TYPE_URLS, XDS_TYPES, type XdsType } from "./xds-resource.ts";

/** What a target comes to when these resources are all that there is. */
function follow(resources: readonly Any[], target = "orders"): XdsChain {
  const found = new Map<string, ReturnType<typeof readXdsResource>>();
  for (const one of resources) {
    const type = XDS_TYPES.find((name) => TYPE_URLS[name] === one.typeUrl);
    assert.ok(type);
    const read = readXdsResource(type, one);
    found.set(`${type} ${read.name}`, read);
  }
  const find = (type: XdsType, name: string) => {
    const read = found.get(`${type} ${name}`);
    if (!read) return { kind: "absent", by: "word" };
    return "fault" in read ? { kind: "refused", fault: read.fault } : { kind: "present", value: read.value };
  };
  return followXdsChain(target, find as XdsFind);
}

function shown(chain: XdsChain): string {
  assert.equal(chain.kind, "endpoints", JSON.stringify(chain));
  if (chain.kind !== "endpoints") return "";
  return chain.endpoints
    .map(({ address, weight, zone }) => `${address.split(":")[1]}*${weight}${zone ?? ""}`)
    .join(" ");
}

const upTo = (...localities: readonly FakeLocality[]) => [
  listener("orders", "r"),
  route("r", { a: 1 }),
  cluster("a"),
  endpoints("a", ...localities),
];

test("the best priority in which anybody is healthy is used", () => {
  assert.equal(shown(follow(upTo({ ports: { 1: 1 } }, { priority: 1, ports: { 2: 1 } }))), "1*1");
  assert.equal(shown(follow(upTo({ ports: { 1: "unhealthy" } }, { priority: 1, ports: { 2: 1 } }))), "2*1");
  assert.equal(shown(follow(upTo({ ports: { 1: "draining" } }, { priority: 1, ports: { 2: 1 } }))), "2*1");
  assert.equal(
    shown(follow(upTo({ ports: { 1: "unhealthy" } }, { priority: 1, ports: { 2: "unhealthy" } }))),
    "1*1",
  );
});

test("weights of clusters, localities and endpoints become shares of one whole", () => {
  assert.equal(shown(follow(upTo({ zone: "a", ports: { 1: 5, 2: 7 } }))), "1*5a 2*7a");
  assert.equal(
    shown(
      follow(
        upTo(
          { zone: "a", weight: 3, ports: { 1: 1, 2: 1 } },
          { zone: "b", weight: 1, ports: { 3: 1 } },
          { zone: "c", ports: { 4: 1 } },
        ),
      ),
    ),
    "1*10000a 2*10000a 3*6667b",
  );
  const split = [listener("orders", "r"), route("r", { a: 90, b: 10, c: 0 }), cluster("a"), cluster("b")];
  assert.equal(
    shown(follow([...split, endpoints("a", { ports: { 1: 1, 2: 2 } }), endpoints("b", { ports: { 3: 1 } })])),
    "1*5000 2*10000 3*1667",
  );
  // An instance of both clusters gets both shares.
  assert.equal(
    shown(follow([...split, endpoints("a", { ports: { 1: 1, 2: 1 } }), endpoints("b", { ports: { 1: 1 } })])),
    "1*10000 2*8182",
  );
});

test("the virtual host is chosen by the name of the listener, and the route is the one for all calls", () => {
  const host = (domains: string[], to: string, prefix = "/"): MessageInitShape<typeof VirtualHostSchema> => ({
    name: to,
    domains,
    routes: [
      {
        match: { pathSpecifier: { case: "prefix" as const, value: "/only.this/" } },
        action: { case: "redirect" as const, value: {} },
      },
      {
        match: { pathSpecifier: { case: "prefix" as const, value: prefix }, headers: [{}] },
        action: { case: "redirect" as const, value: {} },
      },
      {
        match: { pathSpecifier: { case: "prefix" as const, value: prefix } },
        action: {
          case: "route" as const,
          value: { clusterSpecifier: { case: "cluster" as const, value: to } },
        },
      },
    ],
  });
  const routes = (
    ...virtualHosts: NonNullable<MessageInitShape<typeof RouteConfigurationSchema>["virtualHosts"]>
  ) => any(RouteConfigurationSchema, { name: "r", virtualHosts });
  const rest = ["any", "exact", "suffix", "prefix"].flatMap((name, index) => [
    cluster(name),
    endpoints(name, { ports: { [index + 1]: 1 } }),
  ]);
  const all = routes(
    host(["*"], "any"),
    host(["shop.orders"], "exact"),
    host(["*.orders"], "suffix"),
    host(["shop.*"], "prefix"),
  );
  const to = (name: string) => shown(follow([listener(name, "r"), all, ...rest], name));
  assert.equal(to("shop.orders"), "2*1");
  assert.equal(to("other.orders"), "3*1");
  assert.equal(to("shop.payments"), "4*1");
  assert.equal(to("payments"), "1*1");
  const none = follow([listener("x", "r"), routes(host(["y"], "any")), ...rest], "x");
  assert.deepEqual(none, { kind: "refused", fault: "routes r: no virtual host is for x" });
  const special = follow([listener("x", "r"), routes(host(["*"], "any", "/a/")), ...rest], "x");
  assert.match((special as { fault: string }).fault, /no route is for all calls/);
});

test("clusters that find their endpoints in other ways are used where that is simple, and else refused in words", () => {
  const at = (...hosts: string[]) => ({
    endpoints: [
      {
        lbEndpoints: hosts.map((address) => ({
          hostIdentifier: {
            case: "endpoint" as const,
            value: {
              address: {
                address: {
                  case: "socketAddress" as const,
                  value: { address, portSpecifier: { case: "portValue" as const, value: 80 } },
                },
              },
            },
          },
        })),
      },
    ],
  });
  const made = (type: Cluster_DiscoveryType, ...hosts: string[]) =>
    follow([
      listener("orders", "r"),
      route("r", { a: 1 }),
      any(ClusterSchema, {
        name: "a",
        clusterDiscoveryType: { case: "type", value: type },
        loadAssignment: at(...hosts),
      }),
    ]);
  const addresses = (chain: XdsChain) =>
    chain.kind === "endpoints" ? chain.endpoints.map(({ address }) => address) : chain;
  assert.deepEqual(addresses(made(Cluster_DiscoveryType.STATIC, "10.0.0.1", "::1")), [
    "10.0.0.1:80",
    "[::1]:80",
  ]);
  assert.deepEqual(addresses(made(Cluster_DiscoveryType.LOGICAL_DNS, "orders.internal")), [
    "orders.internal:80",
  ]);
  assert.deepEqual(addresses(made(Cluster_DiscoveryType.STRICT_DNS, "10.0.0.1", "10.0.0.2")), [
    "10.0.0.1:80",
    "10.0.0.2:80",
  ]);
  const fault = (chain: XdsChain) => (chain.kind === "refused" ? chain.fault : "");
  assert.match(
    fault(made(Cluster_DiscoveryType.STRICT_DNS, "orders.internal")),
    /^cluster a: STRICT_DNS with names/,
  );
  assert.match(fault(made(Cluster_DiscoveryType.LOGICAL_DNS, "a", "b")), /must have one endpoint/);
  assert.match(fault(made(Cluster_DiscoveryType.ORIGINAL_DST)), /its type is not supported/);
  assert.match(fault(made(Cluster_DiscoveryType.STATIC, "a name")), /is no IP address/);
});

test("whatever bytes come, a resource is read or refused in words", () => {
  const good = [
    listener("orders", "r"),
    route("r", { a: 1, b: 2 }),
    cluster("a"),
    endpoints("a", { zone: "z", weight: 2, ports: { 1: 1 } }),
  ];
  const mutated = fc
    .tuple(fc.constantFrom(...good), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }), fc.nat(40))
    .map(([{ typeUrl, value }, changes, cut]) => {
      const bytes = Uint8Array.from(value);
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      return create(AnySchema, { typeUrl, value: cut > 30 ? bytes.subarray(0, cut) : bytes });
    });
  const random = fc
    .tuple(fc.constantFrom(...Object.values(TYPE_URLS), ""), fc.uint8Array({ maxLength: 60 }))
    .map(([typeUrl, value]) => create(AnySchema, { typeUrl, value }));
  fc.assert(
    fc.property(fc.constantFrom(...XDS_TYPES), fc.oneof(mutated, random), (type, one) => {
      const read = readXdsResource(type, one);
      assert.ok("value" in read || read.fault !== "");
      const chain = followXdsChain("orders", ((asked: XdsType) => {
        const known = asked === type ? read : readXdsResource(asked, good[XDS_TYPES.indexOf(asked)] as Any);
        return "value" in known
          ? { kind: "present", value: known.value }
          : { kind: "refused", fault: known.fault };
      }) as XdsFind);
      if (chain.kind !== "endpoints") return;
      for (const { address, weight } of chain.endpoints) {
        assert.notEqual(typeof parseAddress(address), "string");
        assert.ok(Number.isSafeInteger(weight) && weight >= 0);
      }
    }),
    { numRuns: 3_000 },
  );
});

test("a route that names one cluster again and again costs its endpoints once, and long lists are no error", () => {
  const ports = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [index + 1, 1 + (index % 2)]));
  const repeated = any(RouteConfigurationSchema, {
    name: "r",
    virtualHosts: [
      {
        name: "all",
        domains: ["*", ...Array.from({ length: 150_000 }, (_, index) => `d${index}`)],
        routes: [
          {
            match: { pathSpecifier: { case: "prefix", value: "" } },
            action: {
              case: "route",
              value: {
                clusterSpecifier: {
                  case: "weightedClusters",
                  value: { clusters: Array.from({ length: 20_000 }, () => ({ name: "a", weight: 1 })) },
                },
              },
            },
          },
        ],
      },
    ],
  });
  const startedAt = performance.now();
  const chain = follow([listener("orders", "r"), repeated, cluster("a"), endpoints("a", { ports })]);
  assert.equal(chain.kind === "endpoints" && chain.endpoints.length, 1_000);
  assert.ok(performance.now() - startedAt < 5_000);
});
