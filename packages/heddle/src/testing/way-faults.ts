/**
 * The vocabulary: what can be wrong on the way between a caller and an instance. Each word says what a network does, and
 * not what is done to bytes: a lost segment of TCP, for one, is sent again, so it costs time and nothing else.
 *
 * The words hold for connections that stand and for those to come, until others are said or `heal` is. The models are
 * Toxiproxy's toxics (https://github.com/Shopify/toxiproxy#toxics) and turmoil (https://github.com/tokio-rs/turmoil).
 */
import { atLeast, finiteAtLeast, invalidOption } from "../call/check-option.ts";
import type { Random } from "../runtime/random.ts";

/** What can be wrong in one direction. Each method gives itself back, so that words can follow each other. */
export interface Faults {
  /**
   * Bytes arrive `ms` later, give or take up to `jitterMs` (default 0), in their order. Said of both directions, a
   * round trip takes twice as long.
   */
  latency(ms: number, options?: { readonly jitterMs?: number }): this;
  /**
   * This share of the TCP segments (0 to 1) is lost and sent again: after `retransmitMs` (default 200, Linux's least), then
   * after twice as long, and so on. What comes behind a lost segment waits for it.
   */
  loss(share: number, options?: { readonly retransmitMs?: number }): this;
  /** Whoever bytes go to reads no more than so many a second; 0: it does not read at all. The writer feels it. */
  slowReader(bytesPerSecond: number): this;
  /**
   * Nothing arrives any more, neither bytes nor the end of a connection, and nobody is told: a route that drops packets, a
   * host without power, a process that is frozen. What is healed goes on where it stopped, as TCP does.
   */
  blackHole(): this;
  /** Nothing is wrong any more, and what was held back arrives now. */
  heal(): this;
}

/** What can be wrong between a caller and an instance: in both directions, or in one of them. */
export interface Way extends Faults {
  /** From the caller, who connects, to the instance. */
  readonly requests: Faults;
  /** From the instance to the caller. Only this one a black hole: a one-way partition. */
  readonly answers: Faults;
  /** Connections that stand end with a reset, now; new ones work. */
  reset(): this;
  /**
   * Connections that stand are reset, and so are new ones as soon as they come: nobody listens there. (The connection is
   * accepted first, where a port that is really closed refuses it.)
   */
  refuse(): this;
  /** Connections that stand pass nothing on for good, not even their end, whatever is healed; new ones work. */
  halfDead(): this;
}

/** A segment of TCP on Ethernet, in bytes: what is lost at a time. */
const SEGMENT_BYTES = 1460;
/** A segment that was lost so often arrives: the connection would be given up before. */
const MAX_LOSSES = 6;

/** One direction, as the flows in it read it. */
export class DirectionFaults implements Faults {
  #latencyMs = 0;
  #jitterMs = 0;
  #lossShare = 0;
  #retransmitMs = 0;
  readonly #random: Random;
  /** Told when something changed; `healed` when nothing is to be held back any more. */
  readonly listeners = new Set<(healed: boolean) => void>();
  bytesPerSecond = Number.POSITIVE_INFINITY;
  blocked = false;

  constructor(random: Random) {
    this.#random = random;
  }

  latency(ms: number, { jitterMs = 0 }: { readonly jitterMs?: number } = {}): this {
    this.#latencyMs = finiteAtLeast("latency", ms, 0);
    this.#jitterMs = finiteAtLeast("jitterMs", jitterMs, 0);
    return this.#changed(false);
  }

  loss(share: number, { retransmitMs = 200 }: { readonly retransmitMs?: number } = {}): this {
    this.#lossShare = checkShare("loss", share);
    this.#retransmitMs = finiteAtLeast("retransmitMs", retransmitMs, 0);
    return this.#changed(false);
  }

  slowReader(bytesPerSecond: number): this {
    this.bytesPerSecond = atLeast("slowReader", bytesPerSecond, 0);
    return this.#changed(false);
  }

  blackHole(): this {
    this.blocked = true;
    return this.#changed(false);
  }

  heal(): this {
    this.#latencyMs = 0;
    this.#jitterMs = 0;
    this.#lossShare = 0;
    this.bytesPerSecond = Number.POSITIVE_INFINITY;
    this.blocked = false;
    return this.#changed(true);
  }

  /** For how long so many bytes are under way, in ms. Draws only for what was ordered, so that runs can be compared. */
  delayMs(bytes: number): number {
    let delayMs = this.#latencyMs;
    if (this.#jitterMs > 0) delayMs += (this.#random.next() * 2 - 1) * this.#jitterMs;
    if (this.#lossShare > 0) {
      // The segment with the worst luck decides: all of them are lost `losses` times at most with this probability.
      const segments = Math.ceil(bytes / SEGMENT_BYTES);
      const luck = this.#random.next();
      let waitMs = this.#retransmitMs;
      for (let losses = 0; losses < MAX_LOSSES; losses++) {
        if (luck < (1 - this.#lossShare ** (losses + 1)) ** segments) break;
        delayMs += waitMs;
        waitMs *= 2;
      }
    }
    return Math.max(0, delayMs);
  }

  #changed(healed: boolean): this {
    for (const listener of this.listeners) listener(healed);
    return this;
  }
}

/** What `WayFaults` asks of the connections on it. */
export interface WayConnection {
  reset(): void;
  /** Passes nothing on from now on. */
  die(): void;
  /** Ends it, with all that it holds. */
  close(): void;
}

export class WayFaults implements Way {
  readonly requests: DirectionFaults;
  readonly answers: DirectionFaults;
  readonly standing = new Set<WayConnection>();
  refusing = false;

  constructor(requests: Random, answers: Random) {
    this.requests = new DirectionFaults(requests);
    this.answers = new DirectionFaults(answers);
  }

  latency(ms: number, options?: { readonly jitterMs?: number }): this {
    return this.#both((direction) => direction.latency(ms, options));
  }

  loss(share: number, options?: { readonly retransmitMs?: number }): this {
    return this.#both((direction) => direction.loss(share, options));
  }

  slowReader(bytesPerSecond: number): this {
    return this.#both((direction) => direction.slowReader(bytesPerSecond));
  }

  blackHole(): this {
    return this.#both((direction) => direction.blackHole());
  }

  heal(): this {
    this.refusing = false;
    return this.#both((direction) => direction.heal());
  }

  reset(): this {
    for (const connection of this.standing) connection.reset();
    return this;
  }

  refuse(): this {
    this.refusing = true;
    return this.reset();
  }

  halfDead(): this {
    for (const connection of this.standing) connection.die();
    return this;
  }

  #both(say: (direction: DirectionFaults) => void): this {
    say(this.requests);
    say(this.answers);
    return this;
  }
}

/** A share from 0 to 1. Throws `optionInvalid` for any other. */
export function checkShare(option: string, share: number): number {
  if (typeof share === "number" && share >= 0 && share <= 1) return share;
  throw invalidOption(option, `it must be a share from 0 to 1, not ${String(share)}`);
}
