/**
 * The limits on calls under way to the instances of one channel (`resilience/concurrency-limit.ts`). By default nobody has
 * one before there is evidence of overload, and then `isEngaged` is false and nothing is looked at.
 *
 * What may be under way to the service is the sum of them, as soon as each has one. A measured limit for the service itself
 * would count the calls that one stuck instance lets run out of time against all the others.
 */
import { Code } from "@connectrpc/connect";
import { HeddleError } from "../call/errors.ts";
import type { Subchannel } from "../connection/subchannel.ts";
import {
  ConcurrencyLimit,
  limitSettings,
  type LimitSettings,
  OverloadEvidence,
} from "../resilience/concurrency-limit.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ClientCall } from "./call.ts";

/** What is known of an instance. */
interface Limited {
  readonly evidence: OverloadEvidence;
  limit: ConcurrencyLimit | undefined;
}

export class ConcurrencyLimits {
  /** Somebody has a limit now. */
  isEngaged = false;
  readonly #target: string;
  readonly #clock: Clock;
  readonly #subchannels: ReadonlyMap<string, Subchannel>;
  #settings: LimitSettings | undefined;
  #instances = new WeakMap<Subchannel, Limited>();

  constructor(target: string, clock: Clock, subchannels: ReadonlyMap<string, Subchannel>) {
    this.#target = target;
    this.#clock = clock;
    this.#subchannels = subchannels;
  }

  configure(options: Partial<LimitSettings> | false): void {
    this.#settings = options === false ? undefined : limitSettings(options);
    this.#instances = new WeakMap();
    this.isEngaged = this.#settings?.engage === "always";
  }

  /** How long a call may wait for room, in ms. */
  get maxWaitMs(): number {
    return this.#settings?.maxWaitMs ?? 0;
  }

  /** It may have no further call now. */
  isFull(subchannel: Subchannel): boolean {
    const { limit } = this.#of(subchannel);
    return limit !== undefined && subchannel.inFlight >= limit.limit;
  }

  /** How many calls may be under way to it; undefined: as many as come. */
  limitOf(subchannel: Subchannel): number | undefined {
    return this.#instances.get(subchannel)?.limit?.limit;
  }

  refusal(): HeddleError {
    let count = 0;
    for (const { inFlight } of this.#subchannels.values()) count += inFlight;
    return new HeddleError("limitReached", { what: this.#target, count });
  }

  /** Told of attempts that failed, and of all while somebody has a limit. */
  attemptEnded(call: ClientCall, subchannel: Subchannel): void {
    if (this.#settings === undefined) return;
    const dropped = call.error !== undefined && isDropped(call);
    if (!dropped && !this.isEngaged) return;
    const nowMs = this.#clock.now();
    const isTimed = call.error === undefined && call.method.desc.methodKind === "unary";
    const latencyMs = isTimed ? nowMs - Math.max(call.sentAtMs, call.attemptStartedAtMs) : -1;
    this.#note(this.#of(subchannel), nowMs, latencyMs, subchannel, dropped);
    this.isEngaged = this.#isAnyLimited();
  }

  /** Its call that has just ended counts as one of those under way. */
  #note(
    limited: Limited,
    nowMs: number,
    latencyMs: number,
    { inFlight, ended }: Subchannel,
    dropped: boolean,
  ): void {
    if (limited.limit !== undefined) {
      limited.limit.ended(nowMs, latencyMs, inFlight + 1, dropped);
      if (limited.limit.isOver(nowMs)) limited.limit = undefined;
    } else if (dropped && limited.evidence.dropped(nowMs, ended)) {
      limited.limit = new ConcurrencyLimit(this.#settings as LimitSettings, inFlight + 1, nowMs);
    }
  }

  #of(subchannel: Subchannel): Limited {
    let limited = this.#instances.get(subchannel);
    if (limited === undefined) {
      limited = this.#create();
      this.#instances.set(subchannel, limited);
    }
    return limited;
  }

  #create(): Limited {
    const settings = this.#settings;
    const limit =
      settings?.engage === "always"
        ? new ConcurrencyLimit(settings, settings.initial, this.#clock.now())
        : undefined;
    return { evidence: new OverloadEvidence(), limit };
  }

  #isAnyLimited(): boolean {
    for (const subchannel of this.#subchannels.values())
      if (this.#instances.get(subchannel)?.limit !== undefined) return true;
    return this.#settings?.engage === "always";
  }
}

/**
 * It ran out of time on the instance. A refusal is no drop: the server that refuses has chosen by how much calls matter and
 * is not kept waiting, and a limit on top would turn away here what is critical together with the rest.
 */
function isDropped({ error, sentAtMs, attemptStartedAtMs }: ClientCall): boolean {
  return error?.code === Code.DeadlineExceeded && sentAtMs >= attemptStartedAtMs;
}
