/** Idempotent calls at a steady rate, whether earlier ones are answered or not: callers do not wait for each other. */
import { type Client, recordOf } from "heddle";
import type { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { until } from "./within.ts";

export interface TrafficOptions {
  /** Calls a second. Default 200. */
  readonly perSecond?: number;
  /** Of each call, in ms. Default: the client's. */
  readonly timeoutMs?: number;
  /** How long a handler works, in ms. Default 20: with 200 a second four calls are under way. */
  readonly workMs?: number;
}

const TICK_MS = 10;

export class Traffic {
  /** What failed calls say of themselves. */
  readonly failures: string[] = [];
  /** How long each answered call took, in ms. */
  readonly times: number[] = [];
  /** Answers per instance. */
  readonly answers = new Map<string, number>();
  readonly #client: Client<typeof EchoService>;
  readonly #options: Required<Pick<TrafficOptions, "perSecond" | "workMs">> & TrafficOptions;
  readonly #running = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #owed = 0;
  #lastMs = performance.now();

  constructor(client: Client<typeof EchoService>, options: TrafficOptions = {}) {
    this.#client = client;
    this.#options = { perSecond: 200, workMs: 20, ...options };
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  get ended(): number {
    return this.times.length + this.failures.length;
  }

  of(instance: string): number {
    return this.answers.get(instance) ?? 0;
  }

  /** Resolves when so many more calls have ended, however; or so many were answered by one instance. */
  async more(count: number, instance?: string): Promise<void> {
    const now = () => (instance === undefined ? this.ended : this.of(instance));
    const goal = now() + count;
    const what = `${count} more ${instance === undefined ? "calls" : `answers of ${instance}`}`;
    await until(() => now() >= goal, `${what} (failures: ${this.failures.slice(0, 2).join("; ")})`, 40_000);
  }

  /** No further calls; resolves when those that run have ended. Stopping twice is harmless. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
  }

  #tick(): void {
    const nowMs = performance.now();
    // A process that was held up does not make up for it in a burst.
    this.#owed += (Math.min(nowMs - this.#lastMs, 5 * TICK_MS) * this.#options.perSecond) / 1000;
    this.#lastMs = nowMs;
    for (; this.#owed >= 1; this.#owed--) {
      const call = this.#call().finally(() => this.#running.delete(call));
      this.#running.add(call);
    }
  }

  async #call(): Promise<void> {
    const { workMs, timeoutMs } = this.#options;
    const began = performance.now();
    try {
      const { echo } = await this.#client.idempotentUnary(
        { plan: { delayMs: workMs } },
        timeoutMs === undefined ? {} : { timeoutMs },
      );
      this.times.push(performance.now() - began);
      const instance = echo?.instance ?? "";
      this.answers.set(instance, this.of(instance) + 1);
    } catch (error) {
      this.failures.push(`${String(error)} ${JSON.stringify(recordOf(error))}`);
    }
  }
}
