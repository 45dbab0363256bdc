/**
 * What a mesh tells of its calls: counts, and those calls that failed, were slow or are samples. Reports go to the control
 * plane every few seconds, beside the calls. One is kept until it is heard, and is the same when it is sent again, so that
 * nothing is counted twice; what is counted meanwhile comes with the next.
 *
 * With a registry of another kind, and no control plane named, the recent calls are kept in the process, and told to nobody.
 */
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { atLeast, finiteAtLeast, invalidOption } from "./call/check-option.ts";
import { newSpanId } from "./call/trace.ts";
import { toKeptCallMessage } from "./discovery/kept-call-message.ts";
import { type ServiceStats, statsFromPlane, statsFromPrometheus } from "./discovery/service-stats.ts";
import type { TelemetrySink } from "./discovery/telemetry-sink.ts";
import {
  CountKind as CountKindNumber,
  type ReportTelemetryRequest,
  ReportTelemetryRequestSchema,
} from "./gen/heddle/telemetry/v1/telemetry_pb.ts";
import type { Runtime } from "./runtime/runtime.ts";
import type { Timer } from "./runtime/timer.ts";
import { type CountDelta, CountDeltas, type CountKind } from "./telemetry/count-deltas.ts";
import { instruments } from "./telemetry/instruments.ts";
import type { Metrics } from "./telemetry/metrics.ts";
import { type KeptCall, RecentCalls } from "./telemetry/recent-calls.ts";
import type { MetricFamily } from "./telemetry/snapshot.ts";

export interface TelemetryOptions {
  /** Where to tell it, where the registry is of another kind than Heddle's: `host:port`. Default: the registry. */
  readonly controlPlane?: string;
  /** URL of a Prometheus that `mesh.stats` asks, such as `http://127.0.0.1:9090`. Default: it asks the control plane. */
  readonly prometheus?: string;
  /** Pause between two reports, in ms; spread by a tenth. Default 5 000. */
  readonly reportEveryMs?: number;
  /** Calls that the process keeps of each side, those it makes and those it serves; half of them failed ones. Default 200. */
  readonly maxCalls?: number;
  /** A unary call that took longer is kept as a slow one, in ms. Default 1 000. */
  readonly slowMs?: number;
  /** One call of so many is kept although it went well; `Infinity` for none. Default 1 000. */
  readonly sampleEvery?: number;
  /** False: the control plane is not told what others' errors say, only their codes; ours are known texts. Default true. */
  readonly errorTexts?: boolean;
}

export interface MeshTelemetryOptions {
  readonly service: string;
  readonly instance: string;
  readonly version: string | undefined;
  readonly zone: string | undefined;
  readonly sink: TelemetrySink | undefined;
  readonly runtime: Runtime;
  readonly metrics: Metrics | undefined;
  readonly settings: TelemetryOptions | false;
}

export class MeshTelemetry implements AsyncDisposable {
  /** Where clients and servers keep their calls; undefined: they do not. */
  readonly made: RecentCalls | undefined;
  readonly served: RecentCalls | undefined;
  readonly #options: MeshTelemetryOptions;
  readonly #prometheus: string | undefined;
  readonly #everyMs: number;
  readonly #errorTexts: boolean;
  readonly #deltas = new CountDeltas();
  readonly #epoch: string;
  readonly #startedMs: number;
  #sequence = 0n;
  /** The one that nobody has heard yet. */
  #pending: ReportTelemetryRequest | undefined;
  #timer: Timer | undefined;
  #reporting: Promise<unknown> | undefined;
  #failed = false;
  #started = false;
  #closed = false;

  /** Throws `optionInvalid`. */
  constructor(options: MeshTelemetryOptions) {
    const { settings, runtime } = options;
    this.#options = options;
    const given = settings === false ? {} : settings;
    const {
      reportEveryMs = 5_000,
      maxCalls = 200,
      slowMs = 1_000,
      sampleEvery = 1_000,
      errorTexts = true,
    } = given;
    this.#everyMs = finiteAtLeast("telemetry.reportEveryMs", reportEveryMs, 10);
    this.#errorTexts = errorTexts;
    this.#prometheus = given.prometheus;
    if (given.prometheus !== undefined && !/^https?:/.test(given.prometheus))
      throw invalidOption("telemetry.prometheus", "it is not a URL with http or https");
    const kept = {
      maxCalls: Math.floor(finiteAtLeast("telemetry.maxCalls", maxCalls, 4)),
      slowMs: atLeast("telemetry.slowMs", slowMs, 0),
      sampleEvery: atLeast("telemetry.sampleEvery", sampleEvery, 1),
    };
    this.#epoch = newSpanId(runtime.random);
    this.#startedMs = runtime.clock.wallMs();
    if (settings === false) return;
    this.made = new RecentCalls(kept);
    this.served = new RecentCalls(kept);
  }

  /** Calls are made or served: reports begin. */
  start(): void {
    if (this.made === undefined || this.#options.sink === undefined || this.#started) return;
    this.#started = true;
    this.#schedule(Math.min(FIRST_AFTER_MS, this.#everyMs));
  }

  /** See `Mesh.stats`. */
  async stats(service: string, windowSeconds: number): Promise<ServiceStats | undefined> {
    const { sink } = this.#options;
    const url = this.#prometheus;
    finiteAtLeast("windowSeconds", windowSeconds, 60);
    if (url !== undefined)
      return await statsFromPrometheus(service, { url, windowSeconds, timeoutMs: TIMEOUT_MS });
    if (sink === undefined)
      throw invalidOption(
        "telemetry",
        "stats need a control plane (telemetry.controlPlane), or telemetry.prometheus",
      );
    const { origins, tls } = sink.api;
    return await statsFromPlane(service, { origins, tls, windowSeconds, timeoutMs: TIMEOUT_MS });
  }

  /** The newest first. */
  recent(): readonly KeptCall[] {
    return [...(this.made?.list() ?? []), ...(this.served?.list() ?? [])].sort(
      (one, other) => other.record.startedAtMs - one.record.startedAtMs,
    );
  }

  /** Tells what is untold, if it was heard lately. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    if (!this.#started || this.#failed) return;
    await Promise.race([this.#lastReports(), this.#soon()]);
  }

  async #lastReports(): Promise<void> {
    await this.#reporting;
    for (let i = 0; i < 2 && !this.#failed; i++) await this.#report(LAST_TIMEOUT_MS);
  }

  /** Of a control plane that stands still nobody waits for the answer. */
  #soon(): Promise<void> {
    return new Promise((resolve) => this.#options.runtime.timers.after(LAST_TIMEOUT_MS, resolve));
  }

  #schedule(afterMs: number): void {
    const { timers, random } = this.#options.runtime;
    if (this.#closed) return;
    this.#timer = timers.after(afterMs * (0.95 + random.next() / 10), () => {
      this.#reporting = this.#report(TIMEOUT_MS).then((pauseMs) => {
        this.#reporting = undefined;
        this.#schedule(pauseMs);
      });
    });
  }

  /** The pause until the next one, in ms. Never rejects. */
  async #report(timeoutMs: number): Promise<number> {
    const { sink, runtime } = this.#options;
    this.#pending ??= this.#next();
    // Only this says when it is sent; the report counts as the same.
    this.#pending.sentMs = runtime.clock.wallMs();
    try {
      await sink?.report(this.#pending, timeoutMs);
      this.#pending = undefined;
      this.#failed = false;
      return this.#everyMs;
    } catch (error) {
      this.#failed = true;
      const { code } = ConnectError.from(error);
      // What is not understood would not be understood the next time.
      if (code === Code.InvalidArgument || code === Code.ResourceExhausted) this.#pending = undefined;
      return FOREIGN.has(code) ? FOREIGN_PAUSE_MS : this.#everyMs;
    }
  }

  #next(): ReportTelemetryRequest {
    const { service, instance, version = "", zone = "", metrics, runtime } = this.#options;
    const families = metrics?.collect(runtime.clock.now()) ?? [];
    const made = this.made?.take(MAX_CALLS) ?? NOTHING;
    const served = this.served?.take(MAX_CALLS) ?? NOTHING;
    return create(ReportTelemetryRequestSchema, {
      service,
      instance,
      version,
      zone,
      epoch: this.#epoch,
      sequence: ++this.#sequence,
      startedMs: this.#startedMs,
      counts: this.#deltas.next(families, MAX_COUNTS).map(toCounts),
      calls: [...made.calls, ...served.calls].map((call) => toKeptCallMessage(call, this.#errorTexts)),
      callsLost: BigInt(made.lost + served.lost),
      process: processFigures(families),
    });
  }
}

const NOTHING = { calls: [], lost: 0 };

function toCounts({ kind, calls, buckets, ...given }: CountDelta) {
  return { ...given, kind: KINDS[kind], calls: BigInt(calls), buckets: buckets.map(BigInt) };
}

const KINDS: Readonly<Record<CountKind, CountKindNumber>> = {
  served: CountKindNumber.SERVED,
  made: CountKindNumber.MADE,
  attempt: CountKindNumber.ATTEMPT,
  retry: CountKindNumber.RETRY,
};

function processFigures(families: readonly MetricFamily[]) {
  const sum = (name: string): number | undefined => {
    const points = families.find(({ instrument }) => instrument.name === name)?.points;
    const values = points?.flatMap(({ value }) => (typeof value === "number" ? [value] : [])) ?? [];
    return values.length === 0 ? undefined : values.reduce((all, value) => all + value, 0);
  };
  const delay = sum(instruments.eventLoopDelayP99.name);
  const figures = {
    eventLoopP99Ms: delay === undefined ? undefined : delay * 1000,
    cpuSeconds: sum(instruments.processCpu.name),
    memoryBytes: sum(instruments.processMemory.name),
    heapUsedBytes: sum(instruments.heapUsed.name),
  };
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined));
}

/** An older control plane, or one that lets nobody. */
const FOREIGN: ReadonlySet<Code> = new Set([Code.Unimplemented, Code.PermissionDenied, Code.Unauthenticated]);
/** Until there is something to tell. */
const FIRST_AFTER_MS = 1_000;
const TIMEOUT_MS = 3_000;
/** The process is about to end. */
const LAST_TIMEOUT_MS = 250;
const FOREIGN_PAUSE_MS = 600_000;
/** In one report, as the control plane takes them; of each side half. */
const MAX_COUNTS = 2000;
const MAX_CALLS = 100;
