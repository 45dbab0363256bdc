/**
 * What a channel counts of its calls and attempts. The series of a method are resolved when it is first called, those of
 * an instance when it first answers, and then stand on the objects that a call has in its hands anyway: recording one
 * looks up nothing by name.
 */
import { isHeddleError } from "../call/errors.ts";
import { STATUS_COUNT, statusName } from "../call/status.ts";
import type { Method } from "../contract/method.ts";
import { AttemptSeries } from "../telemetry/attempt-series.ts";
import type { Histogram } from "../telemetry/histogram.ts";
import { instruments } from "../telemetry/instruments.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { rpcSystemOf } from "../telemetry/rpc-system.ts";
import type { ClientCall } from "./call.ts";

export interface ClientMetricsOptions {
  readonly metrics: Metrics;
  /** `server.address` of all of them: the name that is called. */
  readonly address: string;
  readonly protocol: string;
}

/** One for each channel. */
export class ClientMetrics {
  readonly #options: ClientMetricsOptions;
  readonly #methods = new Map<Method, MethodMetrics>();
  #latest: MethodMetrics | undefined = undefined;

  constructor(options: ClientMetricsOptions) {
    this.#options = options;
  }

  /** Of the method. Mostly it is that of the call before. */
  of(method: Method): MethodMetrics {
    const latest = this.#latest;
    if (latest?.method === method) return latest;
    let found = this.#methods.get(method);
    if (found === undefined) {
      found = new MethodMetrics(method, this.#methods.size, this.#options);
      this.#methods.set(method, found);
    }
    this.#latest = found;
    return found;
  }

  ofInstance(instance: string, service: string): AttemptSeries {
    const { metrics, address } = this.#options;
    return new AttemptSeries({ metrics, address, instance, service });
  }
}

/** Of the calls of one method. */
export class MethodMetrics {
  readonly method: Method;
  /** Its number in the channel. */
  readonly index: number;
  readonly #options: ClientMetricsOptions;
  /** By status. */
  readonly #durations: (Histogram | undefined)[] = Array.from({ length: STATUS_COUNT });

  constructor(method: Method, index: number, options: ClientMetricsOptions) {
    this.method = method;
    this.index = index;
    this.#options = options;
  }

  callEnded(call: ClientCall): void {
    const durations = this.#durations[call.status] ?? this.#resolve(call.status);
    durations.recordFor((call.endedAtMs - call.startedAtMs) / 1000, call.endedAtMs, call);
    if (call.error !== undefined) this.#countFailure(call);
  }

  retried(isUnsent: boolean): void {
    const { metrics, address } = this.#options;
    const labels = [this.method.name, address, isUnsent ? "unsent" : "policy"];
    metrics.counter(instruments.clientRetries, labels).add();
  }

  hedged(): void {
    this.#options.metrics.counter(instruments.clientHedges, [this.method.name, this.#options.address]).add();
  }

  hedgeWon(): void {
    const { metrics, address } = this.#options;
    metrics.counter(instruments.clientHedgesWon, [this.method.name, address]).add();
  }

  #resolve(status: number): Histogram {
    const { metrics, address, protocol } = this.#options;
    const found = metrics.histogram(instruments.clientCallDuration, [
      rpcSystemOf(protocol),
      this.method.name,
      statusName(status),
      address,
    ]);
    this.#durations[status] = found;
    return found;
  }

  /** Failures are rare enough to be looked up. */
  #countFailure({ error, status }: ClientCall): void {
    const { metrics, address } = this.#options;
    const type = isHeddleError(error) ? error.heddleCode : statusName(status);
    metrics.counter(instruments.clientFailures, [this.method.name, address, type]).add();
  }
}
