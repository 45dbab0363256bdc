/**
 * The endpoints of a Service as the union of its slices, kept as slices come, change and go in any order. While
 * endpoints move from one slice to another they stand in both or, for a moment, say different things in two; a pod
 * with IPv4 and IPv6 stands in one slice of each; an address may pass from a pod that ends to its successor
 * (kubernetes/kubernetes#135266). So:
 *
 * - what has the same id (the pod's name) is one endpoint with several addresses;
 * - an address belongs to one endpoint: to the ready one;
 * - what terminates is draining, except while nothing else is left.
 *
 * Each step costs as much as the slice that changed has endpoints, however many slices there are. The result depends
 * only on which slices there are, not on how they came.
 */
import { formatAddress, parseAddress } from "../../call/address.ts";
import { createEndpoint, type Endpoint, endpointsEqual } from "../endpoint.ts";
import { choosePort, describePorts } from "./choose-port.ts";
import type { AddressType, EndpointSlice, EndpointUse, SliceEndpoint } from "./endpoint-slice.ts";
import { readServiceTraits } from "./service-labels.ts";

export interface SliceUnion {
  /** By id. The same live map at each access. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  /** Adds a slice, or replaces the one with its key. */
  put(slice: EndpointSlice): UnionChange;
  remove(key: string): UnionChange;
  /** The ports that slices offer, for people, when there are endpoints and none has a port that fits. */
  readonly unfitPorts: string | undefined;
}

export interface UnionChange {
  readonly upserted: readonly Endpoint[];
  /** Ids. */
  readonly removed: readonly string[];
}

/** `port` is the name or number asked for, see `choosePort`. */
export function createSliceUnion(options: { readonly port: string | undefined }): SliceUnion {
  const bySlice = new Map<string, readonly Way[]>();
  const byId = new Map<string, Set<Way>>();
  const byAddress = new Map<string, Set<Way>>();
  const unfit = new Map<string, string>();
  /** Ready ones, and leaving ones apart: which role those play depends on whether there is any of the first. */
  const ready = new Map<string, Endpoint>();
  const leaving = new Map<string, Endpoint>();
  const endpoints = new Map<string, Endpoint>();

  function replace(key: string, ways: readonly Way[]): UnionChange {
    const before = bySlice.get(key) ?? [];
    for (const way of before) {
      dropFrom(byId, way.id, way);
      dropFrom(byAddress, way.address, way);
    }
    for (const way of ways) {
      addTo(byId, way.id, way);
      addTo(byAddress, way.address, way);
    }
    if (ways.length === 0) bySlice.delete(key);
    else bySlice.set(key, ways);
    const affected = new Set<string>();
    for (const way of [...before, ...ways]) {
      affected.add(way.id);
      for (const sharing of byAddress.get(way.address) ?? []) affected.add(sharing.id);
    }
    return settle(affected);
  }

  /** Works out anew what became of some ids, and of all that is leaving when the last ready one went or the first came. */
  function settle(ids: Set<string>): UnionChange {
    const hadReady = ready.size > 0;
    for (const id of ids) {
      const ways = [...(byId.get(id) ?? [])].filter((way) => first(byAddress.get(way.address)) === way.id);
      ready.delete(id);
      leaving.delete(id);
      if (ways.length > 0) {
        const merged = mergeWays(ways);
        (ways.some((way) => way.use === "ready") ? ready : leaving).set(id, merged);
      }
    }
    if (hadReady !== ready.size > 0) for (const id of leaving.keys()) ids.add(id);
    const upserted: Endpoint[] = [];
    const removed: string[] = [];
    for (const id of ids) {
      const known = endpoints.get(id);
      const now = ready.get(id) ?? withDraining(leaving.get(id), ready.size > 0);
      if (now === undefined) {
        if (endpoints.delete(id)) removed.push(id);
      } else if (known === undefined || !endpointsEqual(known, now)) {
        endpoints.set(id, now);
        upserted.push(now);
      }
    }
    return { upserted, removed };
  }

  return {
    endpoints,
    put(slice) {
      const port = choosePort(slice.ports, options.port);
      if (port === undefined && slice.endpoints.length > 0) unfit.set(slice.key, describePorts(slice.ports));
      else unfit.delete(slice.key);
      return replace(slice.key, port === undefined ? [] : waysOf(slice, port));
    },
    remove(key) {
      unfit.delete(key);
      return replace(key, []);
    },
    get unfitPorts() {
      return endpoints.size === 0 ? [...unfit.values()].toSorted()[0] : undefined;
    },
  };
}

/** One address of one endpoint in one slice. */
interface Way {
  readonly id: string;
  readonly address: string;
  readonly use: Exclude<EndpointUse, "none">;
  /** What decides between several that say something about the same address or id: the smallest is believed. */
  readonly rank: string;
  readonly fields: Omit<Endpoint, "id" | "address" | "otherAddresses" | "draining">;
}

function waysOf(
  slice: EndpointSlice,
  port: { readonly port: number; readonly appProtocol: string },
): readonly Way[] {
  const traits = readServiceTraits(slice, port);
  return slice.endpoints.flatMap((endpoint, index) => {
    const { use } = endpoint;
    if (use === "none") return [];
    const addresses = endpoint.addresses
      .map((host) => formatAddress({ kind: "tcp", host, port: port.port }))
      .filter((address) => typeof parseAddress(address) !== "string");
    const fields: Way["fields"] = {
      ...traits,
      health: "healthy",
      metadata: metadataOf(slice, endpoint),
      ...(endpoint.zone ? { zone: endpoint.zone } : {}),
    };
    return addresses.map((address, position) => ({
      id: endpoint.targetName || (addresses[0] ?? address),
      address,
      use,
      rank: [
        use === "ready" ? 0 : 1,
        FAMILY_ORDER[slice.addressType],
        // What stands for a pod knows more than what was written by hand.
        endpoint.targetName ? 0 : 1,
        slice.key,
        String(index).padStart(5, "0"),
        String(position).padStart(3, "0"),
      ].join(" "),
      fields,
    }));
  });
}

function metadataOf(slice: EndpointSlice, { node, forZones }: SliceEndpoint): Record<string, string> {
  return {
    "kubernetes.namespace": slice.namespace,
    ...(node ? { "kubernetes.node": node } : {}),
    ...(forZones.length > 0 ? { "kubernetes.forZones": forZones.join(",") } : {}),
  };
}

function mergeWays(ways: readonly Way[]): Endpoint {
  const sorted = ways.toSorted(byRank);
  const [best] = sorted as [Way, ...Way[]];
  const [address, ...otherAddresses] = [...new Set(sorted.map((way) => way.address))] as [
    string,
    ...string[],
  ];
  return createEndpoint({ ...best.fields, id: best.id, address, otherAddresses });
}

/** To whom an address belongs. */
function first(ways: ReadonlySet<Way> | undefined): string | undefined {
  let best: Way | undefined;
  for (const way of ways ?? []) if (best === undefined || byRank(way, best) < 0) best = way;
  return best?.id;
}

function byRank(a: Way, b: Way): number {
  return a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0;
}

function withDraining(endpoint: Endpoint | undefined, draining: boolean): Endpoint | undefined {
  return endpoint && { ...endpoint, draining };
}

function addTo(index: Map<string, Set<Way>>, key: string, way: Way): void {
  const ways = index.get(key);
  if (ways) ways.add(way);
  else index.set(key, new Set([way]));
}

function dropFrom(index: Map<string, Set<Way>>, key: string, way: Way): void {
  const ways = index.get(key);
  ways?.delete(way);
  if (ways?.size === 0) index.delete(key);
}

const FAMILY_ORDER: Readonly<Record<AddressType, number>> = { IPv4: 0, IPv6: 1, FQDN: 2 };
