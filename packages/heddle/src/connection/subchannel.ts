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
import { type Dialing, type DialOptions, type Dialled, dial } from "./dial.ts";
import type { HttpVersionName, Session } from "./session.ts";
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
  /** What to speak. Default `auto`: what TLS agrees on; HTTP/2 without TLS. */
  readonly http?: HttpVersionName;
  /** Connections over HTTP/1.1, at most. Default 64. */
  readonly http1Connections?: number;
  readonly onState: (subchannel: Subchannel) => void;
}

/** What is offered to a TLS server. */
const OFFERED: Readonly<Record<HttpVersionName, readonly string[]>> = {
  auto: ["h2", "http/1.1"],
  "2": ["h2"],
  "1.1": ["http/1.1"],
};

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
  session: Session | undefined;
  readonly #options: SubchannelOptions;
  /** Attempts that failed, and connections that were lost early, one after the other. */
  #failures = 0;
  #readyAtMs = 0;
  #dialing: Dialing | undefined;
  #timer: Timer | undefined;
  /** The connection being set up; it becomes `session` when the peer's settings arrive. */
  #opening: Session | undefined;

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
    const { connectTimeoutMs, clock } = this.#options;
    const until = clock.now() + connectTimeoutMs;
    this.#dialing = dial(this.#dialOptions(), (result) => {
      this.#dialing = undefined;
      if (this.state === "shutdown") {
        if (!isHeddleError(result)) result.socket.destroy();
      } else if (isHeddleError(result)) this.#failed(result.rawMessage);
      else if (this.#isHttp1(result)) void this.#openHttp1(result);
      else this.#openHttp2(result, until);
    });
  }

  #dialOptions(): DialOptions {
    const { address, timers, connectTimeoutMs, tls, http = "auto" } = this.#options;
    return { address, timeoutMs: connectTimeoutMs, timers, tls, alpn: OFFERED[http] };
  }

  #isHttp1({ alpn }: Dialled): boolean {
    const { tls, http = "auto" } = this.#options;
    // A TLS server that names no protocol knows only the one that was there before there were names.
    return http === "1.1" || (http === "auto" && tls !== undefined && alpn !== "h2");
  }

  #openHttp2({ socket, alpn }: Dialled, until: number): void {
    const { address, clock, timers, connectTimeoutMs, limits } = this.#options;
    if (alpn === "http/1.1") {
      socket.destroy();
      return this.#failed(`cannot connect to ${address}: it speaks only HTTP/1.1`);
    }
    const session = new ClientSession({
      socket,
      address,
      clock,
      timers,
      ...(limits === undefined ? {} : { limits }),
      onReady: () => this.#opened(session),
      onDraining: () => this.#gone(session, undefined),
      onClose: (reason) => this.#gone(session, reason),
    });
    this.#opening = session;
    this.#timer = timers.after(Math.max(1, until - clock.now()), () =>
      session.close(`no HTTP/2 settings within ${connectTimeoutMs} ms`),
    );
  }

  /** Loaded on first use, with the HTTP client that it brings. */
  async #openHttp1({ socket }: Dialled): Promise<void> {
    socket.on("error", () => {});
    const { Http1Session } = await import("./http1-session.ts");
    if (this.state === "shutdown") return void socket.destroy();
    const { address, timers, limits, http1Connections } = this.#options;
    const session = new Http1Session({
      socket,
      address,
      timers,
      maxConnections: http1Connections,
      maxHeadBytes: limits?.maxHeaderListBytes,
      connect: (onResult) =>
        dial(this.#dialOptions(), (result) => onResult(isHeddleError(result) ? result : result.socket)),
      onDraining: (reason) => this.#gone(session, reason),
      onClose: (reason) => this.#gone(session, reason),
    });
    this.#opening = session;
    this.#opened(session);
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

  #opened(session: Session): void {
    if (this.#opening !== session) return;
    this.#timer?.cancel();
    this.#opening = undefined;
    this.#readyAtMs = this.#options.clock.now();
    this.session = session;
    this.#become("ready");
  }

  /** The connection takes no more calls: it drains (`reason` undefined) or is gone. */
  #gone(session: Session, reason: string | undefined): void {
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
