/**
 * Asks each instance how a service of it is, by gRPC's health protocol, on the very connection that its calls go over; and
 * goes on listening. An instance gets calls only while it says SERVING. Off unless the service config names a service
 * (`healthCheck`). Source: gRPC proposal A17, https://github.com/grpc/proposal/blob/master/A17-client-side-health-checking.md
 *
 * What an instance does not know to answer (UNIMPLEMENTED) it is not asked again on that connection, and counts as
 * serving. Any other end of the stream makes it not serving until the next one says otherwise, which is opened at once
 * if this one had lasted, else after a pause that grows.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Status,
} from "../gen/grpc/health/v1/health_pb.ts";
import type { Subchannel } from "../connection/subchannel.ts";
import { backoffMs, type BackoffOptions } from "../resilience/backoff.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Random } from "../runtime/random.ts";
import type { Timer, Timers } from "../runtime/timer.ts";
import { StreamingCall } from "./streaming-call.ts";

/** One question: `Watch` on the connection of one instance, for as long as that takes calls. */
export class WatchCall extends StreamingCall {
  /** Ended because its connection takes no more calls: the next one is to be asked. */
  moved = false;

  override onDraining(): void {
    this.moved = true;
    this.cancel("its connection takes no more calls");
  }
}

export interface HealthWatchesOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Begins to watch a service of an instance, which is connected. */
  readonly watchHealth: (subchannel: Subchannel, service: string) => WatchCall;
  /** What `faultOf` says of an instance is something else. */
  readonly onChange: () => void;
}

/** gRPC's times, from 1 s up to 120 s, are made for fewer instances that live for longer. */
const BACKOFF: BackoffOptions = { baseMs: 200, factor: 1.6, maxMs: 30_000, jitter: 0.2 };
/** Statuses that are heard at once; further ones at a pace, for each may change the set that calls go to. */
const BURST = 10;
const PACE_MS = 100;
/** A stream that held this long was a good one. */
const LASTING_MS = 1000;

export class HealthWatches {
  readonly #options: HealthWatchesOptions;
  readonly #watches = new Map<Subchannel, HealthWatch>();
  #service: string | undefined;

  constructor(options: HealthWatchesOptions) {
    this.#options = options;
  }

  /** Which service is asked for from now on: "" for the server as a whole, undefined for none. */
  configure(service: string | undefined, subchannels: Iterable<Subchannel>): void {
    if (service === this.#service) return;
    this.#service = service;
    for (const watch of this.#watches.values()) watch.end();
    this.#watches.clear();
    for (const subchannel of subchannels) this.follow(subchannel);
    this.#options.onChange();
  }

  /** The state of the instance's connections may have changed. */
  follow(subchannel: Subchannel): void {
    const watch = this.#watches.get(subchannel);
    const isReady = subchannel.state === "ready";
    if (isReady && watch === undefined && this.#service !== undefined) {
      this.#watches.set(subchannel, new HealthWatch(subchannel, this.#service, this.#options));
    } else if (!isReady && watch !== undefined) {
      this.#watches.delete(subchannel);
      watch.end();
    }
  }

  /** Why the instance must get no calls; undefined when it may. */
  faultOf(subchannel: Subchannel): string | undefined {
    return this.#watches.get(subchannel)?.fault;
  }
}

const STATUS_NAMES: readonly string[] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

class HealthWatch {
  /** Why the instance is not serving; undefined when it is, or cannot be asked. */
  fault: string | undefined;
  readonly #subchannel: Subchannel;
  readonly #service: string;
  readonly #options: HealthWatchesOptions;
  #call: WatchCall | undefined;
  #timer: Timer | undefined;
  #ended = false;
  /** Streams in a row that did not last. */
  #failures = 0;

  constructor(subchannel: Subchannel, service: string, options: HealthWatchesOptions) {
    this.#subchannel = subchannel;
    this.#service = service;
    this.#options = options;
    this.fault = `${subchannel.address} has not said yet whether it serves`;
    this.#ask();
  }

  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#call?.cancel("the watch is over");
  }

  #ask(): void {
    const startedAtMs = this.#options.clock.now();
    const call = this.#options.watchHealth(this.#subchannel, this.#service);
    this.#call = call;
    this.#listen(call).then(
      () => this.#again(call, startedAtMs, "its watch has ended"),
      (error: unknown) => {
        const { code, rawMessage } = ConnectError.from(error);
        if (code === Code.Unimplemented) this.#become(undefined);
        else this.#again(call, startedAtMs, rawMessage);
      },
    );
  }

  async #listen(call: WatchCall): Promise<void> {
    const { clock } = this.#options;
    let spare = BURST;
    let heardMs = clock.now();
    for await (const message of call.messages()) {
      const { status } = message as HealthCheckResponse;
      const { address } = this.#subchannel;
      this.#become(
        status === Status.SERVING
          ? undefined
          : `${address} says that it is ${STATUS_NAMES[status] ?? String(status)}`,
      );
      spare = Math.min(BURST, spare + (clock.now() - heardMs) / PACE_MS) - 1;
      heardMs = clock.now();
      if (spare < 0) await this.#pause();
    }
  }

  /** What is said meanwhile waits in the stream, whose window holds the instance up. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#timer = this.#options.timers.after(PACE_MS, resolve);
    });
  }

  #again(call: WatchCall, startedAtMs: number, reason: string): void {
    if (this.#ended) return;
    if (call.moved) return this.#ask();
    const { clock, timers, random } = this.#options;
    const lasted = clock.now() - startedAtMs >= LASTING_MS;
    this.#failures = lasted ? 0 : this.#failures + 1;
    this.#become(`${this.#subchannel.address} cannot be asked whether it serves: ${reason}`);
    const delayMs = lasted ? 0 : backoffMs(this.#failures - 1, BACKOFF, random);
    this.#timer = timers.after(delayMs, () => this.#ask());
  }

  #become(fault: string | undefined): void {
    if (this.#ended || fault === this.fault) return;
    const changes = (fault === undefined) !== (this.fault === undefined);
    this.fault = fault;
    if (changes) this.#options.onChange();
  }
}
