/**
 * What a connection needs besides calls: a sign of life from its peer, an end when nobody uses it, and one when
 * it has grown old. Client and server use the same, with other rules.
 *
 * One timer a connection. Where only calls make it worth asking (the client), it is armed while there are calls
 * and a little longer; then the connection dozes, and the next call wakes it with one comparison. No call costs
 * more: the times that count are those which the machine notes anyway.
 */
import type { Clock } from "../runtime/clock.ts";
import type { Random } from "../runtime/random.ts";
import type { Timer, Timers } from "../runtime/timer.ts";
import type { Http2Connection } from "../wire/http2/connection.ts";
import { Keepalive } from "../wire/http2/keepalive.ts";
import { SilenceWatch } from "./silence-watch.ts";

export interface UpkeepRules {
  /** Silence after which the peer is asked for a sign of life, in ms. `Infinity`: never. */
  readonly keepaliveMs: number;
  /** Further silence after which it is given up, in ms. */
  readonly keepaliveTimeoutMs: number;
  /** Silence of a peer that reports its load, while calls are open, after which it is asked, in ms; how long it may take to answer, `SilenceWatch` knows. `Infinity`: never. */
  readonly silenceMs: number;
  /** Ask also while no call is open. */
  readonly keepaliveWithoutCalls: boolean;
  /** Time without a call after which `onIdle` is told, in ms; up to twice as long after a call that lasted. */
  readonly maxIdleMs: number;
  /** Age at which `onAged` is told, in ms, give or take a tenth: connections made together must not end together. */
  readonly maxAgeMs: number;
}

/** The connection that is looked after. */
export interface UpkeepOwner {
  readonly machine: Http2Connection;
  /** A PING stands in the machine's output. */
  flushSoon(): void;
  /** Calls are open, and the peer does not even answer when asked how busy it is. */
  onSilent?(): void;
  /** The peer is silent, and has been for long: close. */
  onDead(reason: string): void;
  /** No call for `maxIdleMs`. Told again after as long when the connection stays. */
  onIdle(): void;
  /** Told once. */
  onAged(): void;
  /** Nothing has happened for a while: what was kept for speed can go. */
  onQuiet(): void;
}

export interface UpkeepParts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

export class Upkeep {
  /** A stream that begins must call `wake`. */
  dozing = true;
  readonly #owner: UpkeepOwner;
  readonly #rules: UpkeepRules;
  readonly #parts: UpkeepParts;
  readonly #keepalive: Keepalive;
  readonly #silence: SilenceWatch;
  #maxIdleMs: number;
  #timer: Timer | undefined = undefined;
  #stopped = false;
  /** When checks last had seen a call. */
  #activeAtMs = 0;
  #hadCalls = false;
  #agesAtMs = Number.POSITIVE_INFINITY;
  /** Streams opened here until the last check: a call that began and ended since is a reason to ask, too. */
  #opened = 0;
  readonly #onTimer = () => {
    this.#timer = undefined;
    this.#check();
  };

  constructor(owner: UpkeepOwner, rules: UpkeepRules, parts: UpkeepParts) {
    this.#owner = owner;
    this.#rules = rules;
    this.#parts = parts;
    this.#maxIdleMs = rules.maxIdleMs;
    this.#silence = new SilenceWatch(rules.silenceMs);
    this.#keepalive = new Keepalive({ everyMs: rules.keepaliveMs, timeoutMs: rules.keepaliveTimeoutMs });
  }

  /** The connection is established. */
  start(): void {
    const { clock, random } = this.#parts;
    const nowMs = clock.now();
    this.#activeAtMs = nowMs;
    this.#agesAtMs = nowMs + this.#rules.maxAgeMs * (1 - AGE_JITTER + 2 * AGE_JITTER * random.next());
    this.#check();
  }

  /** The peer was asked how busy it is. */
  askedLoad(nowMs: number): void {
    this.#silence.asked(nowMs);
  }

  /** It has said so, when asked. */
  heardLoad(nowMs: number): void {
    this.#silence.answered(nowMs);
  }

  /** A stream has begun. */
  wake(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#check();
  }

  /** Changes the time after which `onIdle` is told. */
  setMaxIdleMs(maxIdleMs: number): void {
    if (maxIdleMs === this.#maxIdleMs) return;
    this.#maxIdleMs = maxIdleMs;
    this.wake();
  }

  stop(): void {
    this.#stopped = true;
    this.dozing = false;
    this.#timer?.cancel();
  }

  #check(): void {
    if (this.#stopped) return;
    const nowMs = this.#parts.clock.now();
    const { machine } = this.#owner;
    const hasCalls = machine.streams.size > 0;
    // When the last call ended is not noted, for that would cost each call something: it counts from when it was seen.
    if (hasCalls || this.#hadCalls) this.#activeAtMs = nowMs;
    this.#hadCalls = hasCalls;
    if (!hasCalls && nowMs - machine.nowMs >= QUIET_MS) this.#owner.onQuiet();
    const nextMs = Math.min(
      this.#checkKeepalive(nowMs, hasCalls),
      this.#checkSilence(nowMs, hasCalls),
      this.#checkIdle(nowMs, hasCalls),
      this.#checkAge(nowMs),
    );
    if (this.#stopped || nextMs === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#parts.timers.after(Math.max(1, nextMs - nowMs), this.#onTimer);
  }

  /** When to look again. */
  #checkKeepalive(nowMs: number, hasCalls: boolean): number {
    const { machine } = this.#owner;
    const keepalive = this.#keepalive;
    const opened = machine.streamsOpened;
    const expects =
      hasCalls || opened !== this.#opened || keepalive.waiting || this.#rules.keepaliveWithoutCalls;
    this.#opened = opened;
    this.dozing = !expects;
    if (!expects) return Number.POSITIVE_INFINITY;
    const advice = keepalive.check(nowMs, {
      receivedAtMs: machine.nowMs,
      dataAtMs: machine.dataAtMs,
      permittedMs: machine.peerPingIntervalMs,
    });
    if (advice === "ping") {
      machine.ping(KEEPALIVE_PING);
      this.#owner.flushSoon();
    } else if (advice === "dead") {
      this.#owner.onDead(
        `it is silent and has not answered a PING within ${this.#rules.keepaliveTimeoutMs} ms`,
      );
    }
    return keepalive.nextMs;
  }

  #checkSilence(nowMs: number, hasCalls: boolean): number {
    const { machine } = this.#owner;
    if (this.dozing || this.#stopped || !machine.peerSpeaksLoad) return Number.POSITIVE_INFINITY;
    const silence = this.#silence;
    const advice = silence.check(nowMs, {
      receivedAtMs: machine.nowMs,
      dataAtMs: machine.dataAtMs,
      hasCalls,
    });
    if (advice === "ask") {
      machine.probeLoad();
      this.#owner.flushSoon();
    } else if (advice === "silent") this.#owner.onSilent?.();
    return silence.nextMs;
  }

  #checkIdle(nowMs: number, hasCalls: boolean): number {
    if (this.#stopped) return Number.POSITIVE_INFINITY;
    const idleAtMs = Math.max(this.#activeAtMs, this.#owner.machine.dataAtMs) + this.#maxIdleMs;
    if (hasCalls || nowMs < idleAtMs) return idleAtMs;
    this.#activeAtMs = nowMs;
    this.#owner.onIdle();
    return nowMs + this.#maxIdleMs;
  }

  #checkAge(nowMs: number): number {
    if (this.#stopped || nowMs < this.#agesAtMs) return this.#agesAtMs;
    this.#agesAtMs = Number.POSITIVE_INFINITY;
    this.#owner.onAged();
    return this.#agesAtMs;
  }
}

const AGE_JITTER = 0.1;
const QUIET_MS = 5000;
const KEEPALIVE_PING = Uint8Array.from("hdlalive", (c) => c.charCodeAt(0));
