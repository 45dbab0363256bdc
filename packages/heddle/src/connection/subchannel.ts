/**
 * The way to one instance: a connection that is kept up by itself, and more of them while one does not suffice.
 *
 * States are gRPC's: `idle` (no connection wanted), `connecting`, `ready`, `transient_failure` (waiting to try
 * again), `shutdown`. A connection that was lost is tried again at once; failed attempts wait longer each
 * time (`connectionBackoff`), and so do connections that are lost as soon as they are there.
 * Source: https://github.com/grpc/grpc/blob/master/doc/connectivity-semantics-and-api.md
 *
 * Calls go to the first connection that has room, so that those which a peak has brought fall idle when it is
 * over, and close. `session` is always the one for the next call: a call that fills it up moves it on.
 */
import type { LoadReport } from "../balance/balancer.ts";
import { backoffMs, connectionBackoff } from "../resilience/backoff.ts";
import type { Standing } from "../resilience/outlier-standing.ts";
import type { AttemptSeries } from "../telemetry/attempt-series.ts";
import type { Timer } from "../runtime/timer.ts";
import { type OpenSessionOptions, OpeningSession, type SessionEvents } from "./open-session.ts";
import type { Session, StreamOwner } from "./session.ts";

export type SubchannelState = "idle" | "connecting" | "ready" | "transient_failure" | "shutdown";

export interface SubchannelOptions extends Omit<OpenSessionOptions, "queue"> {
  readonly id: string;
  /** Tried one after the other when `address` fails. */
  readonly otherAddresses?: readonly string[];
  readonly weight: number;
  readonly zone?: string | undefined;
  /** Connections at most. */
  readonly maxConnections: number;
  readonly onState: (subchannel: Subchannel) => void;
  /** The instance has fallen silent on a connection, or speaks again. */
  readonly onSilence?: (subchannel: Subchannel, session: Session) => void;
  /** The instance says how busy it is. `probed`: because it was asked. */
  readonly onLoad?: (subchannel: Subchannel, load: LoadReport, probed: boolean) => void;
}

/** A connection that held this long was a good one. */
const LASTING_MS = 1000;
/** A connection that a peak of calls has brought closes after so long without one. */
const SURPLUS_IDLE_MS = 30_000;
/** gRPC's ceiling for a keepalive time that grows because the peer complains. */
const MAX_KEEPALIVE_MS = 2 * 60 * 60 * 1000;

export class Subchannel implements SessionEvents {
  readonly id: string;
  /** It speaks TLS. */
  readonly secure: boolean;
  /** All addresses of the instance, in the order in which they are tried. */
  readonly addresses: readonly string[];
  /** Failure domain, as discovery says; undefined where it does not. */
  zone: string | undefined;
  /** Share of calls relative to the others; see `Candidate`. */
  weight: number;
  /** The registry's checks find fault with it: calls go there only while fewer than half are without fault. */
  unhealthy = false;
  /** Calls in flight from this client. */
  inFlight = 0;
  /** Attempts that have ended here. */
  ended = 0;
  /** How its calls have ended, where instances are ejected for that. */
  standing: Standing | undefined = undefined;
  /** What its channel counts of its attempts; kept here so that the end of one looks nothing up. */
  counts: AttemptSeries | undefined = undefined;
  state: SubchannelState = "idle";
  /** When `state` became what it is, by the wall clock. */
  sinceMs: number;
  /** Why the last attempt or connection failed. */
  lastError = "";
  /** The connection that takes the next call. */
  session: Session | undefined = undefined;
  readonly #options: SubchannelOptions;
  /** Which of them is used, or tried next. */
  #at = 0;
  /** Calls that wait for a stream, on whichever connection. */
  readonly #queue = new Set<StreamOwner>();
  /** Those that take calls, oldest first. */
  readonly #sessions: Session[] = [];
  /** Those that only finish the calls they have. */
  readonly #draining = new Set<Session>();
  /** Those of `#sessions` that go as soon as another has taken their place. */
  readonly #aged = new Set<Session>();
  /** Attempts that failed, and connections that were lost early, one after the other. */
  #failures = 0;
  #readyAtMs = 0;
  #opening: OpeningSession | undefined = undefined;
  #retryTimer: Timer | undefined = undefined;
  #keepaliveMs: number;
  /** When a connection that is no more saw its last call. */
  #usedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: SubchannelOptions) {
    this.#options = options;
    this.id = options.id;
    this.secure = options.tls !== undefined;
    this.addresses = [options.address, ...(options.otherAddresses ?? [])];
    this.weight = options.weight;
    this.zone = options.zone;
    this.sinceMs = options.clock.wallMs();
    this.#keepaliveMs = options.upkeep.keepaliveMs;
  }

  /** The one that is connected to, or tried next. */
  get address(): string {
    return this.addresses[this.#at] as string;
  }

  /** When the last call was seen, by the clock: -Infinity when none was, Infinity when a connection cannot tell. */
  get usedAtMs(): number {
    return Math.max(
      this.#usedAtMs,
      ...this.#sessions.map(({ usedAtMs = Number.POSITIVE_INFINITY }) => usedAtMs),
    );
  }

  /** All connections, those that drain last. */
  get sessions(): readonly { readonly session: Session; readonly draining: boolean }[] {
    return [
      ...this.#sessions.map((session) => ({ session, draining: false })),
      ...[...this.#draining].map((session) => ({ session, draining: true })),
    ];
  }

  /** Calls that wait for a stream. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** It does not answer although calls are open there: it may be gone, without a word. */
  get silent(): boolean {
    return this.session?.silent === true;
  }

  /** Asks the instance how busy it is; what comes of it, comes by `onLoad`. */
  probeLoad(nowMs: number): void {
    this.session?.probeLoad?.(nowMs);
  }

  /** Starts connecting if nothing is under way. */
  connect(): void {
    if (this.state !== "idle") return;
    this.#become("connecting");
    this.#open();
  }

  /** Gives up its connections until `connect` is called. */
  rest(): void {
    if (this.state === "shutdown") return;
    this.#stopTrying();
    this.#become("idle");
    this.#drainAll("no calls for a while");
  }

  /** No new calls; each connection closes when its calls have ended. */
  shutdown(): void {
    if (this.state === "shutdown") return;
    this.#become("shutdown");
    this.#stopTrying();
    this.#drainAll("shut down");
  }

  /** Closes at once; calls in flight are lost. */
  destroy(): void {
    this.shutdown();
    for (const session of this.#draining) session.close("shut down");
  }

  // What its connections tell.

  onReady(session: Session): void {
    this.#opening = undefined;
    this.#readyAtMs = this.#options.clock.now();
    this.#sessions.push(session);
    for (const aged of this.#aged) {
      this.#retire(aged);
      aged.drain("it is as old as it may be");
    }
    this.#arrange();
    this.#limitIdleTime();
    this.#become("ready");
  }

  onFailed(reason: string): void {
    this.#opening = undefined;
    this.#at = (this.#at + 1) % this.addresses.length;
    if (this.#at === 0) return this.#retryLater(reason);
    this.lastError = reason;
    this.#open();
  }

  onDraining(session: Session, reason: string): void {
    this.#gone(session, reason);
  }

  onClosed(session: Session, reason: string): void {
    this.#gone(session, reason);
    this.#draining.delete(session);
  }

  onFull(session: Session): void {
    if (session !== this.session) return;
    this.#arrange();
    this.#openIfWanted();
  }

  onRoom(session: Session): void {
    if (this.#sessions.includes(session)) this.#arrange();
  }

  /** More than one connection, and no call for this one. */
  onIdle(session: Session): void {
    if (this.#sessions.indexOf(session) <= 0) return;
    this.#retire(session);
    this.#arrange();
    session.drain("not needed");
  }

  onAged(session: Session): void {
    if (!this.#sessions.includes(session)) return;
    this.#aged.add(session);
    this.#openIfWanted();
  }

  onSilence(session: Session): void {
    this.#options.onSilence?.(this, session);
  }

  onLoad(load: LoadReport, probed: boolean): void {
    this.#options.onLoad?.(this, load, probed);
  }

  onTooManyPings(): void {
    this.#keepaliveMs = Math.min(this.#keepaliveMs * 2, MAX_KEEPALIVE_MS);
  }

  #open(): void {
    const upkeep = { ...this.#options.upkeep, keepaliveMs: this.#keepaliveMs };
    const { address } = this;
    this.#opening = new OpeningSession({ ...this.#options, address, upkeep, queue: this.#queue }, this);
  }

  /** Another connection beside those there are: a peak of calls, or an old one to replace. */
  #openIfWanted(): void {
    if (this.#opening !== undefined || this.#retryTimer !== undefined || this.state !== "ready") return;
    const wantsRoom =
      this.#sessions.length < this.#options.maxConnections && this.#sessions.every(({ full }) => full);
    if (wantsRoom || this.#aged.size > 0) this.#open();
  }

  /** Chooses the connection for the next call: the first with room, else the one with the fewest calls. */
  #arrange(): void {
    const sessions = this.#sessions;
    let chosen = sessions[0];
    for (let i = 1; i < sessions.length && chosen?.full === true; i++) {
      const session = sessions[i] as Session;
      if (!session.full || session.streams < chosen.streams) chosen = session;
    }
    this.session = chosen;
  }

  /** Takes a connection out of those that get calls. */
  #retire(session: Session): void {
    this.#usedAtMs = Math.max(this.#usedAtMs, session.usedAtMs ?? this.#usedAtMs);
    this.#aged.delete(session);
    const at = this.#sessions.indexOf(session);
    if (at >= 0) this.#sessions.splice(at, 1);
    this.#draining.add(session);
    this.#limitIdleTime();
  }

  /** The oldest one stays, for the calls that are left go there. */
  #limitIdleTime(): void {
    this.#sessions.forEach((session, i) =>
      session.setMaxIdleMs?.(i === 0 ? Number.POSITIVE_INFINITY : SURPLUS_IDLE_MS),
    );
  }

  /** A connection takes no more calls: it drains or is gone. */
  #gone(session: Session, reason: string): void {
    if (!this.#sessions.includes(session)) return;
    this.#retire(session);
    this.#arrange();
    this.lastError = `connection to ${this.address} was lost: ${reason}`;
    if (this.#sessions.length > 0) return this.#openIfWanted();
    this.#replaceLast();
    this.#refuseQueue(reason);
  }

  #replaceLast(): void {
    if (this.#options.clock.now() - this.#readyAtMs >= LASTING_MS) this.#failures = 0;
    else if (this.#failures > 0) return this.#retryLater(this.lastError);
    else this.#failures = 1;
    if (this.#opening !== undefined) return this.#become("connecting");
    this.#stopTrying();
    this.#become("idle");
    this.connect();
  }

  /** Nothing of them was sent: they go elsewhere. */
  #refuseQueue(reason: string): void {
    for (const owner of this.#queue) {
      this.#queue.delete(owner);
      owner.onLost(reason, false);
    }
  }

  #retryLater(reason: string): void {
    this.lastError = reason;
    if (this.#sessions.length === 0) this.#become("transient_failure");
    this.#retryTimer?.cancel();
    const delayMs = backoffMs(this.#failures++, connectionBackoff, this.#options.random);
    this.#retryTimer = this.#options.timers.after(delayMs, () => {
      this.#retryTimer = undefined;
      if (this.state === "ready") return this.#openIfWanted();
      this.#become("idle");
      this.connect();
    });
  }

  #stopTrying(): void {
    this.#opening?.cancel();
    this.#opening = undefined;
    this.#retryTimer?.cancel();
    this.#retryTimer = undefined;
  }

  #drainAll(reason: string): void {
    this.session = undefined;
    const sessions = this.#sessions.splice(0);
    this.#aged.clear();
    for (const session of sessions) this.#draining.add(session);
    for (const session of sessions) session.drain(reason);
    this.#refuseQueue(reason);
  }

  #become(state: SubchannelState): void {
    if (this.state === state) return;
    this.state = state;
    this.sinceMs = this.#options.clock.wallMs();
    this.#options.onState(this);
  }
}
