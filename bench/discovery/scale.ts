/**
 * `node bench/discovery/scale.ts`: the tables of docs/internals/scale.md. A million instances in ten regions, computed from the
 * unit costs that the discovery suite measured, and a region's worst moments played through under virtual time.
 */
import { createSeededRandom } from "heddle/testing";
import { grouped, markdownTable, type Table } from "../harness/table.ts";
import { percentile } from "./percentile.ts";
import { type Deployment, loadOfRegistry, type MeasuredCosts, type Topology } from "./scale-model.ts";
import { type Arrival, type NodeCosts, simulateNode, type Telling } from "./told-in-time.ts";

/** Rounded up from runs on a busy machine; see docs/internals/scale.md for which of them are estimates. */
const costs: MeasuredCosts = {
  instanceBytes: 12_000,
  watchBytes: 14_000,
  changeMicros: 150,
  deliveryMicros: 20,
  heartbeatMicros: 35,
  itemMicros: 2,
};

const deployment: Deployment = {
  regions: 10,
  instances: 1_000_000,
  services: 2_000,
  calls: 20,
  leaseSeconds: 30,
  changesPerDay: 20,
};

const topologies: readonly Topology[] = [
  { name: "one registry a region, instances watch it", shards: 1, relays: 0 },
  { name: "8 shards, instances watch them", shards: 8, relays: 0 },
  { name: "one registry, 100 relays", shards: 1, relays: 100 },
  { name: "4 shards, 100 relays", shards: 4, relays: 100 },
];

const WAVE_SECONDS = 10;
/** A quarter of the region replaced in ten minutes, four changes for each instance. */
const WAVE_CHANGES_PER_SECOND = (25_000 * 4) / 600;
/** From the end of a stream to the end of its instance. */
const GRACE_MS = 1_500;

const { instances, regions, services, calls } = deployment;
const inRegion = instances / regions;
const nodeCosts: NodeCosts = {
  changeMicros: costs.changeMicros,
  messageMicros: costs.deliveryMicros,
  itemMicros: costs.itemMicros,
};

/** Names 0 to n-1, each with the same watchers. */
function played(arrivals: readonly Arrival[], { shards, relays }: Topology) {
  // The first shard stands for all: names are spread over them.
  const own = arrivals.filter(({ name }) => name % shards === 0);
  const direct = Array.from({ length: (inRegion * calls) / services }, (_, watcher) => watcher);
  const relayed = Array.from({ length: relays }, (_, watcher) => watcher);
  const root = simulateNode(own, nodeCosts, () => (relays > 0 ? relayed : direct));
  const last = relays > 0 ? throughRelay(arrivals, shards, relays) : root;
  return { rootCpuMs: root.cpuMs, relayCpuMs: relays > 0 ? last.cpuMs : undefined, tellings: last.tellings };
}

/** What the last relay makes of what all shards tell it. */
function throughRelay(arrivals: readonly Arrival[], shards: number, relays: number) {
  const heard: Telling[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const own = arrivals.filter(({ name }) => name % shards === shard);
    const watchers = Array.from({ length: relays }, (_, watcher) => watcher);
    const { tellings } = simulateNode(own, nodeCosts, () => watchers);
    for (const telling of tellings) if (telling.watcher === relays - 1) heard.push(telling);
  }
  heard.sort((a, b) => a.atMs - b.atMs);
  const behind = Array.from({ length: (inRegion / relays) * (calls / services) }, (_, watcher) => watcher);
  return simulateNode(heard, { ...nodeCosts, changeMicros: costs.itemMicros }, () => behind);
}

/** All instances of a zone lose their connections at once. */
function zoneOutage(): Arrival[] {
  const random = createSeededRandom(1);
  const lost = Array.from({ length: Math.floor(inRegion / 3) }, (_, nth) => nth % services);
  return lost
    .map((name) => ({ name, order: random.next() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ name }) => ({ atMs: GRACE_MS, sinceMs: GRACE_MS, name, changes: 1 }));
}

function deploymentWave(): Arrival[] {
  const random = createSeededRandom(2);
  const arrivals: Arrival[] = [];
  for (let atMs = 0; atMs < WAVE_SECONDS * 1_000; ) {
    atMs += (-Math.log(1 - random.next()) * 1_000) / WAVE_CHANGES_PER_SECOND;
    arrivals.push({ atMs, sinceMs: atMs, name: Math.floor(random.next() * services), changes: 1 });
  }
  return arrivals;
}

const loads: Table = [
  [
    "a registry of",
    "instances",
    "watches",
    "connections",
    "memory GiB",
    "cores: heartbeats",
    "changes",
    "zone outage s",
  ],
  ...topologies.map((topology) => {
    const load = loadOfRegistry(deployment, costs, topology);
    return [
      load.topology,
      grouped(load.instances),
      grouped(load.watches),
      grouped(load.connections),
      load.memoryGiB.toFixed(1),
      load.heartbeatCores.toFixed(2),
      load.changeCores.toFixed(2),
      load.zoneSeconds.toFixed(1),
    ];
  }),
];

const plays: Table = [
  ["played through", "registry CPU s", "relay CPU s", "told p50 ms", "p99 ms", "last ms", "computed last ms"],
  ...topologies.flatMap((topology) => {
    const { zoneSeconds } = loadOfRegistry(deployment, costs, topology);
    return [
      { what: "wave", arrivals: deploymentWave(), computed: "" },
      { what: "zone", arrivals: zoneOutage(), computed: grouped(zoneSeconds * 1_000) },
    ].map(({ what, arrivals, computed }) => {
      const { rootCpuMs, relayCpuMs, tellings } = played(arrivals, topology);
      const lags = tellings.map(({ atMs, sinceMs }) => atMs - sinceMs);
      return [
        `${what}: ${topology.name}`,
        (rootCpuMs / 1_000).toFixed(1),
        relayCpuMs === undefined ? "" : (relayCpuMs / 1_000).toFixed(2),
        grouped(percentile(lags, 50)),
        grouped(percentile(lags, 99)),
        grouped(percentile(lags, 100)),
        computed,
      ];
    });
  }),
];

process.stdout.write(`${markdownTable(loads)}\n\n${markdownTable(plays)}\n`);
