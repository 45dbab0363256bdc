/**
 * The way to one instance: at most one connection, kept up by itself.
 *
 * States are gRPC's: `idle` (no connection wanted yet), `connecting`, `ready`, `transient_failure` (waiting to try
 * again), `shutdown`. A connection that was lost is tried again at once; failed attempts wait longer each
 * time (`connectionBackoff`), and so do connections that are lost as soon as they are there.
 * Source: https://github.com/grpc/grpc/blob/master/doc/connectivity-semantics-and-api.md
 */
import { isHeddleError } from "../call/errors.ts";
import { backoffMs, connectionBackoff } from "../resilience/backoff.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Random } from "../runtime/random.ts";
import type { Timer, Timers } from "../runtime/timer.ts";
import type { Http2Limits } from "../wire/http2/limits.ts";
import { ClientSession } from "./client-session.ts";
import { type Dialing, dial } from "./dial.ts";
import type { ClientTls } from "./tls.ts";

export type SubchannelState = "idle" | "connecting" | "ready" | "transient_failure" | "shutdown";

export interface SubchannelOptions {
  readonly id: string;
  readonly address: string;
  readonly weight: number;
  /** Limit for one connection attempt, handshake included, in ms. */
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly limits?: Partial<Http2Limits>;
  /** Speak TLS. Absent: plain text. */
  readonly tls?: ClientTls | undefined;
  readonly onState: (subchannel: Subchannel) => void;
}

/** A connection that held this long was a good one. */
const LASTING_MS = 1000;

export class Subchannel {
  readonly id: string;
  readonly address: string;
  /** Share of calls relative to the others; see `Candidate`. */
  weight: number;
  /** Calls in flight from this client. */
  inFlight = 0;
  state: SubchannelState = "idle";
  /** Why the last attempt or connection failed. */
  lastError = "";
  session: ClientSession | undefined;
  readonly #options: SubchannelOptions;
  /** Attempts that failed, and connections that were lost early, one after the other. */
  #failures = 0;
  #readyAtMs = 0;
  #dialing: Dialing | undefined;
  #timer: Timer | undefined;
  /** The connection being set up; it becomes `session` when the peer's settings arrive. */
  #opening: ClientSession | undefined;

  constructor(options: SubchannelOptions) {
    this.#options = options;
    this.id = options.id;
    this.address = options.address;
    this.weight = options.weight;
  }

  /** Starts connecting if nothing is under way. */
  connect(): void {
    if (this.state !== "idle") return;
    this.#become("connecting");
    const { address, timers, connectTimeoutMs, clock, tls } = this.#options;
    const until = clock.now() + connectTimeoutMs;
    this.#dialing = dial({ address, timeoutMs: connectTimeoutMs, timers, tls }, (result) => {
      this.#dialing = undefined;
      if (this.state === "shutdown") {
        if (!isHeddleError(result)) result.socket.destroy();
        return;
      }
      if (isHeddleError(result)) return this.#failed(result.rawMessage);
      if (result.alpn === "http/1.1") {
        result.socket.destroy();
        return this.#failed(`cannot connect to ${address}: it speaks only HTTP/1.1`);
      }
      const session = new ClientSession({
        socket: result.socket,
        address,
        clock,
        timers,
        ...(this.#options.limits === undefined ? {} : { limits: this.#options.limits }),
        onReady: () => this.#opened(session),
        onDraining: () => this.#gone(session, undefined),
        onClose: (reason) => this.#gone(session, reason),
      });
      this.#opening = session;
      this.#timer = timers.after(Math.max(1, until - clock.now()), () =>
        session.close(`no HTTP/2 settings within ${connectTimeoutMs} ms`),
      );
    });
  }

  /** No new calls; the connection closes when those open have ended. */
  shutdown(): void {
    if (this.state === "shutdown") return;
    this.#become("shutdown");
    this.#dialing?.cancel();
    this.#timer?.cancel();
    this.#opening?.close("shut down");
    this.session?.drain("shut down");
  }

  /** Closes at once; calls in flight are lost. */
  destroy(): void {
    const { session } = this;
    this.shutdown();
    session?.close("shut down");
  }

  #opened(session: ClientSession): void {
    if (this.#opening !== session) return;
    this.#timer?.cancel();
    this.#opening = undefined;
    this.#readyAtMs = this.#options.clock.now();
    this.session = session;
    this.#become("ready");
  }

  /** The connection takes no more calls: it drains (`reason` undefined) or is gone. */
  #gone(session: ClientSession, reason: string | undefined): void {
    if (this.state === "shutdown") return;
    if (session === this.#opening) {
      this.#timer?.cancel();
      this.#opening = undefined;
      this.#failed(`cannot connect to ${this.address}: ${reason ?? "the peer is going away"}`);
    } else if (session === this.session) {
      this.session = undefined;
      const lost = `connection to ${this.address} was lost: ${reason ?? "the peer is going away"}`;
      if (this.#options.clock.now() - this.#readyAtMs >= LASTING_MS) this.#failures = 0;
      else if (this.#failures++ > 0) return this.#failed(lost);
      this.lastError = lost;
      this.#become("idle");
      this.connect();
    }
  }

  #failed(reason: string): void {
    this.lastError = reason;
    this.#become("transient_failure");
    const delayMs = backoffMs(this.#failures++, connectionBackoff, this.#options.random);
    this.#timer = this.#options.timers.after(delayMs, () => {
      this.#become("idle");
      this.connect();
    });
  }

  #become(state: SubchannelState): void {
    if (this.state === state) return;
    this.state = state;
    this.#options.onState(this);
  }
}
