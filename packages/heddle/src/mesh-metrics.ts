/**
 * The metrics of a mesh: what it records and what others give it come together here, and leave by a page for Prometheus,
 * by pushes to a collector, or as data.
 */
import { parseAddress } from "./call/address.ts";
import { atLeast } from "./call/check-option.ts";
import { HeddleError } from "./call/errors.ts";
import { VERSION } from "./call/version.ts";
import { METRICS_PLACE } from "./discovery/metrics-place.ts";
import type { WatchStatus } from "./discovery/watch-status.ts";
import { createMetricsPage } from "./mesh-metrics-page.ts";
import { createOtlpPush, type OtlpOptions, type OtlpPush, parsePairs, resolveOtlp } from "./mesh-otlp.ts";
import { createProcessWatch, type ProcessWatch } from "./runtime/process-watch.ts";
import type { Runtime } from "./runtime/runtime.ts";
import type { HttpPage } from "./server/http-page.ts";
import { createServer, type Server } from "./server/server.ts";
import { writeOtlpMetrics } from "./telemetry/export/otlp.ts";
import { instruments } from "./telemetry/instruments.ts";
import { createMeterProvider, type OtelMeterProvider } from "./telemetry/meter-provider.ts";
import { Metrics, type Observations } from "./telemetry/metrics.ts";
import type { MetricFamily, MetricSnapshot } from "./telemetry/snapshot.ts";
import { fromPrometheusRegistry, type MetricSource, type PrometheusRegistry } from "./telemetry/source.ts";

export interface MeshMetricsOptions {
  /** Where Prometheus finds them. Default `/metrics`. */
  readonly path?: string;
  /**
   * An address of its own for the page, such as `0.0.0.0:9464`; the servers of the mesh have none then. For processes that
   * serve nothing, and where those who call are not to see it. Default: the page is on every server of the
   * mesh. Environment: `HEDDLE_METRICS`, such an address, or `off` for `metrics: false`.
   */
  readonly listen?: string;
  /** Series of one metric at most; what is more is folded into `other`, and told by `onWarning`. Default 2000. */
  readonly maxSeries?: number;
  /**
   * Pushes them to an OpenTelemetry collector as well, by OTLP over HTTP. Default: where `OTEL_EXPORTER_OTLP_ENDPOINT` or
   * `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` says so; `false` for not even then.
   */
  readonly otlp?: OtlpOptions | false;
}

export interface MeshMetrics {
  /** Adds metrics of yours: a source, or a registry of `@prometheus-io/client` or `prom-client`. Disposing takes them out. */
  register(source: MetricSource | PrometheusRegistry): Disposable;
  /**
   * For `metrics.setGlobalMeterProvider` of `@opentelemetry/api`: what is measured through that API comes out here, without
   * an SDK.
   */
  readonly meterProvider: OtelMeterProvider;
  /** All of them as they are now, as data. */
  collect(): Promise<MetricSnapshot>;
  /** Where the page listens, with the real port; undefined when it has no address of its own. */
  readonly address: string | undefined;
}

export interface MetricsOwner {
  readonly options: MeshMetricsOptions | false | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly runtime: Runtime;
  /** Facts about the process, by OpenTelemetry's names. */
  readonly resource: Readonly<Record<string, string>>;
  readonly discovery: () => readonly WatchStatus[];
  readonly warn: (message: string) => void;
}

export class RunningMetrics implements MeshMetrics, AsyncDisposable {
  /** Where calls are counted; undefined when nothing is. */
  readonly recorded: Metrics | undefined;
  /** For the servers of the mesh. */
  readonly pages: readonly HttpPage[];
  readonly meterProvider = createMeterProvider();
  readonly #owner: MetricsOwner;
  readonly #options: MeshMetricsOptions;
  readonly #metrics: Metrics;
  readonly #page: HttpPage;
  readonly #sources = new Set<MetricSource>([this.meterProvider]);
  readonly #process: ProcessWatch;
  readonly #push: OtlpPush | undefined;
  readonly #startedAtMs: number;
  #server: Server | undefined;

  /** Throws `optionInvalid` for what makes no sense. */
  constructor(owner: MetricsOwner) {
    const { env, runtime, warn } = owner;
    const given = owner.options ?? (env["HEDDLE_METRICS"] === "off" ? false : {});
    const fromEnv = env["HEDDLE_METRICS"] || undefined;
    this.#owner = owner;
    this.#options =
      given === false ? {} : { ...(fromEnv === undefined ? {} : { listen: fromEnv }), ...given };
    const { path = "/metrics", listen, maxSeries = 2000, otlp } = this.#options;
    if (!/^\/[\w./-]*$/.test(path))
      throw new HeddleError("optionInvalid", { option: "metrics.path", reason: `${path} is not a path` });
    this.#metrics = new Metrics({
      maxSeries: atLeast("metrics.maxSeries", maxSeries, 1),
      onFold: ({ name }) =>
        warn(`the metric ${name} has more than ${maxSeries} label sets; further ones are counted as "other"`),
    });
    this.recorded = given === false ? undefined : this.#metrics;
    this.#page = createMetricsPage({ path, runtime, collect: () => this.collect() });
    this.pages = given === false || listen !== undefined ? [] : [this.#page];
    this.#startedAtMs = runtime.clock.wallMs();
    const collections = (type: string) => this.#metrics.histogram(instruments.gcDuration, [type]);
    this.#process = createProcessWatch((type, seconds) => collections(type).record(seconds));
    if (given === false) return;
    this.#metrics.observe((into) => this.#observeProcess(into));
    this.#metrics.observe((into) => this.#observeDiscovery(into));
    const push = resolveOtlp("metrics", otlp, env, warn);
    if (push !== undefined)
      this.#push = createOtlpPush(push, {
        signal: "metrics",
        runtime,
        warn,
        body: async () => writeOtlpMetrics(await this.collect(), { name: "heddle", version: VERSION }),
      });
  }

  get address(): string | undefined {
    return this.#server?.address;
  }

  /** Opens the address of its own, if it has one. */
  async listen(): Promise<void> {
    const { listen } = this.#options;
    if (listen === undefined || this.recorded === undefined) return;
    const { runtime } = this.#owner;
    this.#server = await createServer({
      services: [],
      listen,
      runtime,
      health: false,
      pages: [this.#page],
      maxConnections: 100,
    });
  }

  /**
   * What the registry is to know of where the page is, as metadata of an instance that listens at this address: nothing
   * when it is there. Of several servers of one process only the first is named, or each of its calls would count twice.
   */
  placeBeside(address: string, isFirst: boolean): Readonly<Record<string, string>> {
    if (this.recorded === undefined || !isFirst) return { [METRICS_PLACE.off]: "off" };
    const { path } = this.#page;
    const otherPath = path === "/metrics" ? {} : { [METRICS_PLACE.path]: path };
    const own = this.address === undefined ? undefined : parseAddress(this.address);
    if (own === undefined || typeof own === "string" || own.kind !== "tcp") return otherPath;
    const beside = parseAddress(address);
    const isElsewhere =
      !WILDCARDS.has(own.host) &&
      (typeof beside === "string" || beside.kind !== "tcp" || beside.host !== own.host);
    return {
      ...otherPath,
      // That listener has no TLS, whatever the server has.
      [METRICS_PLACE.scheme]: "http",
      [METRICS_PLACE.port]: String(own.port),
      ...(isElsewhere ? { [METRICS_PLACE.host]: own.host } : {}),
    };
  }

  register(source: MetricSource | PrometheusRegistry): Disposable {
    const adopted = "collect" in source ? source : fromPrometheusRegistry(source);
    this.#sources.add(adopted);
    return { [Symbol.dispose]: () => void this.#sources.delete(adopted) };
  }

  async collect(): Promise<MetricSnapshot> {
    const { runtime, resource } = this.#owner;
    const { clock } = runtime;
    const others = await Promise.all([...this.#sources].map((source) => this.#ask(source)));
    const nowMs = clock.now();
    const wallMs = clock.wallMs();
    return {
      families: [...this.#metrics.collect(nowMs), ...others.flat()],
      resource,
      startedAtMs: this.#startedAtMs,
      collectedAtMs: wallMs,
      epochMs: wallMs - nowMs,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#push?.[Symbol.asyncDispose]();
    await this.#server?.close({ drainMs: 100 });
    this.#process[Symbol.dispose]();
  }

  /** Nothing, where it throws or takes too long: the others are not held up by one. */
  async #ask(source: MetricSource): Promise<readonly MetricFamily[]> {
    const late = Promise.withResolvers<never>();
    const timer = this.#owner.runtime.timers.after(SOURCE_TIMEOUT_MS, () => late.reject(new Error("late")));
    try {
      return await Promise.race([source.collect(), late.promise]);
    } catch {
      this.#metrics.counter(instruments.metricsSourceErrors).add();
      return [];
    } finally {
      timer.cancel();
      late.promise.catch(() => {});
    }
  }

  #observeProcess(into: Observations): void {
    const figures = this.#process.read();
    const { eventLoopDelay } = figures;
    if (eventLoopDelay !== undefined) {
      into.add(instruments.eventLoopDelayMean, [], eventLoopDelay.mean);
      into.add(instruments.eventLoopDelayP50, [], eventLoopDelay.p50);
      into.add(instruments.eventLoopDelayP90, [], eventLoopDelay.p90);
      into.add(instruments.eventLoopDelayP99, [], eventLoopDelay.p99);
      into.add(instruments.eventLoopDelayMax, [], eventLoopDelay.max);
    }
    into.add(instruments.eventLoopUtilization, [], figures.eventLoopUtilization);
    into.add(instruments.eventLoopTime, ["active"], figures.eventLoopActive);
    into.add(instruments.eventLoopTime, ["idle"], figures.eventLoopIdle);
    into.add(instruments.heapUsed, [], figures.heapUsedBytes);
    into.add(instruments.heapLimit, [], figures.heapLimitBytes);
    into.add(instruments.processMemory, [], figures.memoryBytes);
    into.add(instruments.processCpu, ["user"], figures.cpuUser);
    into.add(instruments.processCpu, ["system"], figures.cpuSystem);
    into.add(instruments.processUptime, [], figures.uptime);
  }

  #observeDiscovery(into: Observations): void {
    for (const { target, state, ageMs, endpoints, held } of this.#owner.discovery()) {
      into.add(instruments.discoveryState, [target, state], 1);
      into.add(instruments.discoveryEndpoints, [target, "known"], endpoints);
      into.add(instruments.discoveryEndpoints, [target, "held"], held);
      if (ageMs !== undefined) into.add(instruments.discoveryAge, [target], ageMs / 1000);
    }
  }
}

const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

const SOURCE_TIMEOUT_MS = 2000;

/** Facts about the process by the names of OpenTelemetry; `OTEL_RESOURCE_ATTRIBUTES` may add others. */
export function resourceOf(
  identity: {
    readonly service: string;
    readonly instance: string;
    readonly zone: string | undefined;
    readonly version: string | undefined;
  },
  env: NodeJS.ProcessEnv,
): Readonly<Record<string, string>> {
  return {
    ...parsePairs(env["OTEL_RESOURCE_ATTRIBUTES"] ?? ""),
    "service.name": identity.service,
    "service.instance.id": identity.instance,
    ...(identity.version === undefined ? {} : { "service.version": identity.version }),
    ...(identity.zone === undefined ? {} : { "cloud.availability_zone": identity.zone }),
    "telemetry.sdk.name": "heddle",
    "telemetry.sdk.language": "nodejs",
    "telemetry.sdk.version": VERSION,
  };
}
