/**
 * The answers about services, out of what is kept and what is registered. Each goes once through the points of its time, so
 * that an answer about five hundred services costs as much as one about one of them.
 */
import {
  type Instance,
  InstanceHealth,
  InstanceOrigin,
} from "../../../gen/heddle/registry/v1/registry_pb.ts";
import type { RegistryView } from "../registry.ts";
import type {
  Edge,
  Horizon,
  InstanceRow,
  MapNode,
  MethodRow,
  Overview,
  ServiceMap,
  ServicePage,
  ServiceRow,
} from "./api.ts";
import { keptCallsOf, summaryOf } from "./call-answers.ts";
import type { StoredCall } from "./call-store.ts";
import { findingsOf } from "./findings.ts";
import { clockAheadOf, type Reporter } from "./reporters.ts";
import { SLICE_MS } from "./series-store.ts";
import { ranked, rounded, Steps, Tallies, Tally } from "./tally.ts";
import type { TelemetryStore } from "./telemetry-store.ts";

export interface AnswerParts {
  readonly store: TelemetryStore;
  readonly registry: RegistryView;
  readonly nowMs: number;
}

/** The time that figures are about: up to now, the slice that is not whole yet with it. Charts end where that begins. */
export interface Window {
  readonly fromMs: number;
  readonly untilMs: number;
  /** Of it, the time of which anything can be known. */
  readonly seconds: number;
  readonly chartFromMs: number;
  readonly chartUntilMs: number;
}

export function windowOf({ store, nowMs }: Pick<AnswerParts, "store" | "nowMs">, seconds: number): Window {
  const chartUntilMs = Math.floor(nowMs / SLICE_MS) * SLICE_MS;
  const chartFromMs = chartUntilMs - seconds * 1000;
  const fromMs = Math.max(chartFromMs, store.series.sinceMs ?? chartFromMs);
  return {
    fromMs,
    untilMs: chartUntilMs + SLICE_MS,
    seconds: Math.max(1, Math.round((nowMs - fromMs) / 1000)),
    chartFromMs,
    chartUntilMs,
  };
}

export function horizonOf({ store, nowMs }: AnswerParts, window: Window): Horizon {
  return { nowMs, sinceMs: store.series.sinceMs ?? null, windowSeconds: window.seconds };
}

export function overviewOf(parts: AnswerParts, seconds: number): Overview {
  const window = windowOf(parts, seconds);
  const total = new Tally();
  const steps = stepsOf(window, CHART_STEPS);
  for (const [point, slice] of parts.store.series.points(window.fromMs, window.untilMs)) {
    if (point.key.kind !== "served") continue;
    total.add(point);
    steps.add(point, slice);
  }
  const services = servicesOf(parts, window);
  return {
    ...horizonOf(parts, window),
    sentence: sentenceOf(services),
    services,
    total: total.red(window.seconds),
    series: steps.series(),
    kept: keptCallsOf(parts.store),
    findings: findingsOf(parts).length,
  };
}

export function servicesOf({ store, registry }: AnswerParts, window: Window): readonly ServiceRow[] {
  const instances = Map.groupBy(registry.list("").instances, ({ service }) => service);
  const reporters = Map.groupBy(store.reporters.all(), ({ service }) => service);
  const [served, made] = [new Tallies(), new Tallies()];
  const retries = new Map<string, number>();
  const sparks = new Map<string, Steps>();
  for (const [point, slice] of store.series.points(window.fromMs, window.untilMs)) {
    const { kind, service } = point.key;
    if (kind === "made") made.of(service).add(point);
    if (kind === "retry") retries.set(service, (retries.get(service) ?? 0) + point.calls);
    if (kind !== "served") continue;
    served.of(service).add(point);
    let spark = sparks.get(service);
    if (spark === undefined) {
      spark = stepsOf(window, SPARK_STEPS);
      sparks.set(service, spark);
    }
    spark.add(point, slice);
  }
  const names = new Set([...instances.keys(), ...reporters.keys(), ...served.names(), ...made.names()]);
  return [...names].sort().map((name) => {
    const known = instances.get(name) ?? [];
    const row = {
      name,
      instances: known.length,
      unhealthy: known.filter(({ health }) => health === InstanceHealth.UNHEALTHY).length,
      draining: known.filter(({ draining }) => draining).length,
      reporting: reporters.get(name)?.length ?? 0,
      versions: [...new Set(known.map(({ version }) => version).filter((version) => version !== ""))].sort(),
      contracts: [...new Set(known.flatMap(({ contracts }) => contracts))].sort(),
      served: served.red(name, window.seconds),
      made: made.red(name, window.seconds),
      retriedShare:
        made.of(name).calls === 0 ? null : rounded((retries.get(name) ?? 0) / made.of(name).calls),
      spark: (sparks.get(name) ?? stepsOf(window, SPARK_STEPS)).series(),
    };
    return { ...row, attention: attentionOf(row) };
  });
}

/** Undefined for a name of which nothing is known. */
export function servicePageOf(parts: AnswerParts, name: string, seconds: number): ServicePage | undefined {
  const window = windowOf(parts, seconds);
  const { store, registry } = parts;
  const service = servicesOf(parts, window).find((row) => row.name === name);
  if (service === undefined) return undefined;
  const steps = stepsOf(window, CHART_STEPS);
  const methods = new Tallies();
  const codes = new Map<string, Map<string, number>>();
  const [byInstance, attempts] = [new Tallies(), new Tallies()];
  for (const [point, slice] of store.series.points(window.fromMs, window.untilMs)) {
    const { key, calls } = point;
    if (key.kind === "served" && key.service === name) {
      steps.add(point, slice);
      methods.of(key.method).add(point);
      const ofMethod = codes.get(key.method) ?? new Map<string, number>();
      codes.set(key.method, ofMethod);
      ofMethod.set(key.code, (ofMethod.get(key.code) ?? 0) + calls);
    } else if (key.kind === "instance" && key.service === name) byInstance.of(key.instance).add(point);
    else if (key.kind === "attempt" && key.peer === name) attempts.of(key.instance).add(point);
  }
  const edges = edgesOf(parts, window);
  const own = registry.list(name).instances.filter((instance) => instance.service === name);
  const ids = new Set(own.map(({ id }) => id));
  const isAbout = ({ service: teller, record }: StoredCall) =>
    teller === name || record.attempts.some(({ instance }) => ids.has(instance));
  return {
    ...horizonOf(parts, window),
    service,
    series: steps.series(),
    methods: [...methods.names()].sort().map(
      (method): MethodRow => ({
        method,
        served: methods.red(method, window.seconds),
        codes: ranked(codes.get(method)),
      }),
    ),
    callers: edges.filter(({ to }) => to === name),
    callees: edges.filter(({ from }) => from === name),
    instances: instanceRows(own, { store, name, window, byInstance, attempts }),
    calls: store.calls
      .list()
      .filter((call) => call.state !== "sampled" && isAbout(call))
      .slice(0, 20)
      .map(summaryOf),
    findings: findingsOf(parts).filter((finding) => finding.service === name),
  };
}

export function edgesOf({ store }: AnswerParts, window: Window): readonly Edge[] {
  const tallies = new Tallies();
  for (const [point] of store.series.points(window.fromMs, window.untilMs))
    if (point.key.kind === "attempt") tallies.of(`${point.key.service}\n${point.key.peer}`).add(point);
  return [...tallies.names()].sort().map((key) => {
    const [from = "", to = ""] = key.split("\n");
    return { from, to, attempts: tallies.red(key, window.seconds) };
  });
}

export function mapOf(
  parts: AnswerParts,
  seconds: number,
  around: { readonly service: string; readonly hops: number } | undefined,
): ServiceMap {
  const window = windowOf(parts, seconds);
  const edges = edgesOf(parts, window);
  const rows = new Map(servicesOf(parts, window).map((row) => [row.name, row]));
  const names = new Set([...rows.keys(), ...edges.flatMap(({ from, to }) => [from, to])]);
  const wanted = around === undefined ? names : within(edges, around.service, around.hops);
  const none = new Tally().red(window.seconds);
  const nodes = [...wanted]
    .map((name): MapNode => {
      const row = rows.get(name);
      return {
        name,
        instances: row?.instances ?? 0,
        served: row?.served ?? none,
        attention: row?.attention ?? null,
      };
    })
    .sort((one, other) => other.served.calls - one.served.calls || (one.name < other.name ? -1 : 1));
  const shown = nodes.slice(0, MAX_NODES);
  const shownNames = new Set(shown.map(({ name }) => name));
  return {
    ...horizonOf(parts, window),
    nodes: shown,
    edges: edges.filter(({ from, to }) => shownNames.has(from) && shownNames.has(to)),
    omitted: nodes.length - shown.length,
  };
}

function within(edges: readonly Edge[], service: string, hops: number): ReadonlySet<string> {
  const found = new Set([service]);
  for (let i = 0; i < hops; i++)
    for (const { from, to } of edges.filter((edge) => found.has(edge.from) || found.has(edge.to))) {
      found.add(from);
      found.add(to);
    }
  return found;
}

interface InstanceParts {
  readonly store: TelemetryStore;
  readonly name: string;
  readonly window: Window;
  readonly byInstance: Tallies;
  readonly attempts: Tallies;
}

function instanceRows(instances: readonly Instance[], parts: InstanceParts): readonly InstanceRow[] {
  const { store, name, window, byInstance, attempts } = parts;
  const all = instances.reduce((sum, { id }) => sum + byInstance.of(id).calls, 0);
  return instances.map(({ id, address, version, zone, draining, health, origin }) => {
    const tried = attempts.of(id);
    const reporter = store.reporters.get(name, id);
    return {
      id,
      address,
      version,
      zone,
      state: stateOf(draining, health, origin),
      served: byInstance.red(id, window.seconds),
      loadFactor: all === 0 ? null : rounded((byInstance.of(id).calls * instances.length) / all),
      faultShare: tried.calls === 0 ? null : rounded(tried.failed / tried.calls),
      reportedMs: reporter?.reportedMs ?? null,
      process: reporter === undefined ? null : processOf(reporter),
    };
  });
}

function processOf(reporter: Reporter): NonNullable<InstanceRow["process"]> {
  const { startedMs, eventLoopP99Ms, cpuShare, memoryBytes, heapUsedBytes } = reporter;
  return {
    startedMs,
    eventLoopP99Ms,
    cpuShare,
    memoryBytes,
    heapUsedBytes,
    clockAheadMs: clockAheadOf(reporter),
  };
}

function stateOf(draining: boolean, health: InstanceHealth, origin: InstanceOrigin): string {
  if (draining) return "draining";
  if (health === InstanceHealth.UNHEALTHY) return "unhealthy";
  if (origin === InstanceOrigin.REMEMBERED) return "remembered";
  if (health === InstanceHealth.HEALTHY) return "healthy";
  return origin === InstanceOrigin.STATIC ? "static" : "ready";
}

function attentionOf(row: Omit<ServiceRow, "attention">): string | null {
  const { served, instances, unhealthy, made } = row;
  if (served.failedShare !== null && served.failedShare >= 0.01 && served.failed >= MIN_FAILED)
    return `${percent(served.failedShare)} of its calls fail`;
  if (unhealthy > 0)
    return `${unhealthy} of ${instances} instances ${unhealthy === 1 ? "is" : "are"} unhealthy`;
  if (made.failedShare !== null && made.failedShare >= 0.01 && made.failed >= MIN_FAILED)
    return `${percent(made.failedShare)} of the calls that it makes fail`;
  return null;
}

const MIN_FAILED = 3;

function sentenceOf(services: readonly ServiceRow[]): string {
  const needy = services.filter(({ attention }) => attention !== null);
  if (services.length === 0) return "No service is registered, and none has reported.";
  if (needy.length === 0) return `All ${services.length} services are well.`;
  const named = needy.slice(0, 3).map(({ name, attention }) => `${name} (${attention})`);
  const more = needy.length > 3 ? `, and ${needy.length - 3} more` : "";
  return `${needy.length} of ${services.length} services need attention: ${named.join(", ")}${more}.`;
}

export function percent(share: number): string {
  return `${(share * 100).toPrecision(2).replace(/\.0$/, "")} %`;
}

/** In whole slices. */
function stepsOf({ chartFromMs, chartUntilMs }: Window, count: number): Steps {
  const stepMs = Math.max(SLICE_MS, Math.ceil((chartUntilMs - chartFromMs) / count / SLICE_MS) * SLICE_MS);
  return new Steps(chartFromMs, chartUntilMs, stepMs);
}

const CHART_STEPS = 90;
const SPARK_STEPS = 30;
const MAX_NODES = 60;
