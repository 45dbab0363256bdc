/**
 * From a listener to endpoints: listener → routes → cluster → endpoints, as far as the resources are known. Pure; it names what it
 * needed, known or not, and that is what is subscribed to. A set that is not whole yet gives nothing, so that callers keep
 * what they have until all of the new is there (make before break).
 *
 * Of the routes only one is used, for a target is one set of endpoints: the first that matches every call.
 */
import type { RouteConfiguration } from "../../gen/envoy/config/route/v3/route_pb.ts";
import { createEndpoint, type Endpoint } from "../endpoint.ts";
import type { XdsEndpoint, XdsLocality, XdsResources, XdsType } from "./xds-resource.ts";

/** What is known of a resource. */
export type XdsEntry<Value> =
  /** It was asked for. */
  | { readonly kind: "unknown" }
  | { readonly kind: "present"; readonly value: Value }
  /** `by`: the server said so, or nothing was heard of it for a while. */
  | { readonly kind: "absent"; readonly by: "word" | "silence" }
  /** It came, and can't be used. */
  | { readonly kind: "refused"; readonly fault: string };

export type XdsFind = <Type extends XdsType>(type: Type, name: string) => XdsEntry<XdsResources[Type]>;

export type XdsChain =
  | { readonly kind: "endpoints"; readonly endpoints: readonly Endpoint[]; readonly complete: boolean }
  | { readonly kind: "waiting" }
  | { readonly kind: "refused"; readonly fault: string };

export function followXdsChain(listener: string, find: XdsFind): XdsChain {
  const root = find("listener", listener);
  if (root.kind !== "present") return without(root, `listener ${listener}`);
  const { routes } = root.value;
  const isNamed = typeof routes === "string";
  const entry: XdsEntry<RouteConfiguration> = isNamed
    ? find("route", routes)
    : { kind: "present", value: routes };
  if (entry.kind !== "present") return without(entry, `routes ${isNamed ? routes : "of its own"}`);
  const route = chooseClusters(entry.value, listener);
  if (typeof route === "string") return { kind: "refused", fault: route };

  const parts: Part[] = [];
  let complete = true;
  let isWaiting = false;
  for (const { name, weight } of route) {
    const found = localitiesOf(name, find);
    // The others are asked for all the same.
    if (found.kind === "waiting") isWaiting = true;
    else if (found.kind === "refused") return found;
    else if (found.kind === "part") parts.push({ ...found, weight });
    else complete &&= found.by === "word";
  }
  if (isWaiting) return { kind: "waiting" };
  return { kind: "endpoints", endpoints: combine(parts), complete };
}

interface Part {
  readonly localities: readonly XdsLocality[];
  readonly tls: boolean;
  readonly weight: number;
}

function without(entry: Exclude<XdsEntry<unknown>, { kind: "present" }>, what: string): XdsChain {
  if (entry.kind === "unknown") return { kind: "waiting" };
  if (entry.kind === "refused") return { kind: "refused", fault: `${what}: ${entry.fault}` };
  return { kind: "endpoints", endpoints: [], complete: entry.by === "word" };
}

function localitiesOf(name: string, find: XdsFind) {
  const cluster = find("cluster", name);
  if (cluster.kind === "unknown") return { kind: "waiting" } as const;
  if (cluster.kind === "refused")
    return { kind: "refused", fault: `cluster ${name}: ${cluster.fault}` } as const;
  if (cluster.kind === "absent") return cluster;
  const { endpoints, tls } = cluster.value;
  if (typeof endpoints !== "string") return { kind: "part", localities: endpoints, tls } as const;
  const assignment = find("endpoints", endpoints);
  if (assignment.kind === "unknown") return { kind: "waiting" } as const;
  if (assignment.kind === "refused")
    return { kind: "refused", fault: `endpoints ${endpoints}: ${assignment.fault}` } as const;
  return assignment.kind === "absent"
    ? assignment
    : ({ kind: "part", localities: assignment.value, tls } as const);
}

/** The clusters of the route that every call takes, with their weights; or why there is none. */
function chooseClusters(
  routes: RouteConfiguration,
  authority: string,
): readonly { readonly name: string; readonly weight: number }[] | string {
  const host = chooseVirtualHost(routes, authority);
  if (!host) return `routes ${routes.name}: no virtual host is for ${authority}`;
  const route = host.routes.find(({ match }) => {
    if (!match || match.headers.length + match.queryParameters.length > 0 || match.runtimeFraction)
      return false;
    const { pathSpecifier: path } = match;
    return path.case === "prefix"
      ? path.value === "" || path.value === "/"
      : path.case === "safeRegex" && /^\/?\.\*$/.test(path.value.regex);
  });
  const where = `virtual host ${host.name} of routes ${routes.name}`;
  if (!route) return `${where}: no route is for all calls (prefix "/")`;
  if (route.action.case !== "route") return `${where}: its route leads to no cluster`;
  const { clusterSpecifier: to } = route.action.value;
  if (to.case === "cluster") return [{ name: to.value, weight: 1 }];
  if (to.case !== "weightedClusters")
    return `${where}: its route chooses the cluster in a way that is not supported`;
  // A cluster that stands there several times is one: its endpoints would be worked through as often.
  const weights = new Map<string, number>();
  for (const { name, weight = 0 } of to.value.clusters)
    if (weight > 0) weights.set(name, (weights.get(name) ?? 0) + weight);
  return [...weights].map(([name, weight]) => ({ name, weight }));
}

/** An exact domain, else the longest `*.suffix`, else the longest `prefix.*`, else `*`, as in Envoy. */
function chooseVirtualHost({ virtualHosts }: RouteConfiguration, authority: string) {
  const wanted = authority.toLowerCase();
  const rank = (domain: string): number => {
    const pattern = domain.toLowerCase();
    if (pattern === wanted) return 4e6;
    if (pattern === "*") return 1;
    if (pattern.startsWith("*")) return wanted.endsWith(pattern.slice(1)) ? 2e6 + pattern.length : 0;
    if (pattern.endsWith("*")) return wanted.startsWith(pattern.slice(0, -1)) ? 1e6 + pattern.length : 0;
    return 0;
  };
  const ranked = virtualHosts.map((host) => ({ host, rank: largest(host.domains.map(rank)) }));
  const [best] = ranked.filter((one) => one.rank > 0).toSorted((a, b) => b.rank - a.rank);
  return best?.host;
}

/**
 * One list from several clusters and localities. Weights inside one group are relative to that group only, so they are
 * made shares of a whole as soon as there are several weighted groups, and whole numbers again at the end.
 */
function combine(parts: readonly Part[]): readonly Endpoint[] {
  const groups = parts.flatMap(({ localities, tls, weight }) => {
    const used = bestPriority(localities);
    const isWeighted = used.some((locality) => (locality.weight ?? 0) > 0);
    // A locality without a weight beside others that have one gets no calls (gRFC A27).
    return isWeighted
      ? shares(
          used.filter((one) => (one.weight ?? 0) > 0),
          (one) => one.weight ?? 0,
        ).map(({ of, share }) => ({
          ...contents([of]),
          tls,
          share: share * weight,
        }))
      : [{ ...contents(used), tls, share: weight }];
  });
  const filled = groups.filter(({ members }) => members.length > 0);
  const isPlain = filled.length <= 1;
  const found = new Map<string, Weighed>();
  for (const { members, tls, share: groupShare } of filled)
    for (const { of, share } of shares(members, ({ endpoint }) => endpoint.weight)) {
      const weight = isPlain ? of.endpoint.weight : share * groupShare;
      const known = found.get(of.endpoint.address);
      found.set(
        of.endpoint.address,
        known ? { ...known, weight: known.weight + weight } : { ...of, tls, weight },
      );
    }
  const all = [...found.values()];
  const scale = isPlain ? 1 : SCALE / Math.max(largest(all.map(({ weight }) => weight)), Number.MIN_VALUE);
  return all.map(({ endpoint, zone, tls, weight }) => {
    const { address, otherAddresses, health, draining, metadata } = endpoint;
    const scaled = weight > 0 ? Math.max(1, Math.round(weight * scale)) : 0;
    const version = metadata["version"];
    return createEndpoint({
      address,
      otherAddresses,
      health,
      draining,
      metadata,
      weight: scaled,
      ...(tls ? { tls } : {}),
      ...(zone === "" ? {} : { zone }),
      ...(version === undefined ? {} : { version }),
    });
  });
}

const SCALE = 10_000;

interface Member {
  readonly endpoint: XdsEndpoint;
  readonly zone: string;
}

interface Weighed extends Member {
  readonly tls: boolean;
  readonly weight: number;
}

function contents(localities: readonly XdsLocality[]): { readonly members: readonly Member[] } {
  return {
    members: localities.flatMap(({ endpoints, zone }) => endpoints.map((endpoint) => ({ endpoint, zone }))),
  };
}

/** The localities of the best priority in which anybody may be called; of the best at all when there is none. */
function bestPriority(localities: readonly XdsLocality[]): readonly XdsLocality[] {
  const priorities = [...new Set(localities.map(({ priority }) => priority))].toSorted((a, b) => a - b);
  const at = (priority: number | undefined) =>
    localities.filter((locality) => locality.priority === priority);
  const healthy = priorities.find((priority) =>
    at(priority).some(({ endpoints }) =>
      endpoints.some(({ health, draining }) => health !== "unhealthy" && !draining),
    ),
  );
  return at(healthy ?? priorities[0]);
}

/** 0 for none. A list of a hundred thousand can't be spread into arguments. */
function largest(numbers: readonly number[]): number {
  return numbers.reduce((most, one) => Math.max(most, one), 0);
}

function shares<T>(list: readonly T[], weightOf: (one: T) => number): readonly { of: T; share: number }[] {
  const sum = list.reduce((total, one) => total + weightOf(one), 0);
  return list.map((of) => ({ of, share: sum === 0 ? 1 / list.length : weightOf(of) / sum }));
}
