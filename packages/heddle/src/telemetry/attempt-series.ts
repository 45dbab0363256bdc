/**
 * What is counted of the attempts that one instance got. It stands on the way to the instance, and its series are found
 * by two numbers: which method of the channel, and how it ended.
 */
import { STATUS_COUNT, statusName } from "../call/status.ts";
import type { Histogram } from "./histogram.ts";
import { instruments } from "./instruments.ts";
import type { Metrics } from "./metrics.ts";

export interface AttemptSeriesOptions {
  readonly metrics: Metrics;
  /** `server.address`: the name that is called. */
  readonly address: string;
  /** Name of the instance, and of the service that it belongs to; empty where that is not known. */
  readonly instance: string;
  readonly service: string;
}

/** A method, and its number in the channel. */
export interface NumberedMethod {
  readonly index: number;
  readonly method: { readonly name: string };
}

export class AttemptSeries {
  readonly #options: AttemptSeriesOptions;
  /** By the method's number and the status. */
  readonly #durations: (Histogram | undefined)[][] = [];

  constructor(options: AttemptSeriesOptions) {
    this.#options = options;
  }

  ended(method: NumberedMethod, status: number, seconds: number): void {
    const durations = this.#durations[method.index]?.[status] ?? this.#resolve(method, status);
    durations.record(seconds);
  }

  /** The instance is gone, and its name will not come again. */
  release(nowMs: number): void {
    for (const histogram of this.#durations.flat())
      if (histogram !== undefined)
        this.#options.metrics.release(instruments.clientAttemptDuration, histogram, nowMs);
  }

  #resolve({ index, method }: NumberedMethod, status: number): Histogram {
    const { metrics, address, service, instance } = this.#options;
    const labels = [method.name, statusName(status), address, service, instance];
    const found = metrics.histogram(instruments.clientAttemptDuration, labels);
    while (this.#durations.length <= index) this.#durations.push(Array.from({ length: STATUS_COUNT }));
    (this.#durations[index] as (Histogram | undefined)[])[status] = found;
    return found;
  }
}
