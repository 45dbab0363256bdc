/**
 * What a server counts of its calls, by method, protocol and outcome, and what it tells of its state when metrics are
 * collected. What is counted of a method stands on its route, so that the end of a call looks nothing up by name.
 */
import { isHeddleError } from "../call/errors.ts";
import { STATUS_COUNT, STATUS_OK, statusName } from "../call/status.ts";
import type { Histogram } from "../telemetry/histogram.ts";
import { instruments } from "../telemetry/instruments.ts";
import type { Metrics, Observations } from "../telemetry/metrics.ts";
import { rpcSystemOf } from "../telemetry/rpc-system.ts";
import type { ServerCall } from "./call.ts";

export class ServerMetrics {
  readonly queueDelay: Histogram;
  readonly #metrics: Metrics;
  readonly #methods: MethodSeries[] = [];
  /** Of paths that nobody answers: one for all of them, as anybody may make up more. */
  readonly #unknown: MethodSeries;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#unknown = new MethodSeries("_OTHER", metrics);
    this.queueDelay = metrics.histogram(instruments.serverQueueDelay);
  }

  /** For the calls of a method, by its full name. */
  of(name: string): MethodSeries {
    const series = new MethodSeries(name, this.#metrics);
    this.#methods.push(series);
    return series;
  }

  /** The outcome of a call has been written. */
  callEnded(call: ServerCall, nowMs: number): void {
    (call.route?.counts ?? this.#unknown).callEnded(call, nowMs);
  }

  observe(into: Observations): void {
    for (const { name, started, ended } of this.#methods)
      if (started > 0) into.add(instruments.serverCallsActive, [name], started - ended);
  }
}

/** Of the calls of one method. */
export class MethodSeries {
  readonly name: string;
  /** Calls that have found their route, and those of them that are over. */
  started = 0;
  ended = 0;
  readonly #metrics: Metrics;
  /** By protocol and status. */
  readonly #protocols = new Map<string, (Histogram | undefined)[]>();
  #latestName = "";
  #latest: (Histogram | undefined)[] = [];

  constructor(name: string, metrics: Metrics) {
    this.name = name;
    this.#metrics = metrics;
  }

  callEnded(call: ServerCall, nowMs: number): void {
    this.ended++;
    const { protocolName, error } = call;
    if (protocolName !== this.#latestName) this.#turnTo(protocolName);
    const status = error === undefined ? STATUS_OK : error.code;
    const durations = this.#latest[status] ?? this.#resolve(protocolName, status);
    durations.recordFor((nowMs - call.receivedAtMs) / 1000, nowMs, call);
    if (error === undefined) return;
    const type = isHeddleError(error) ? error.heddleCode : statusName(status);
    this.#metrics.counter(instruments.serverFailures, [this.name, type]).add();
  }

  /** Mostly a method is called by one protocol. */
  #turnTo(protocol: string): void {
    let series = this.#protocols.get(protocol);
    if (series === undefined) {
      series = Array.from<Histogram | undefined>({ length: STATUS_COUNT });
      this.#protocols.set(protocol, series);
    }
    this.#latestName = protocol;
    this.#latest = series;
  }

  #resolve(protocol: string, status: number): Histogram {
    const labels = [rpcSystemOf(protocol), this.name, statusName(status)];
    const found = this.#metrics.histogram(instruments.serverCallDuration, labels);
    this.#latest[status] = found;
    return found;
  }
}
