/**
 * One attempt to connect to an address: dial, TLS, and what the agreed version of HTTP needs until calls may go.
 */
import type { Duplex } from "node:stream";
import { isHeddleError } from "../call/errors.ts";
import type { LoadReport } from "../balance/balancer.ts";
import type { Timer } from "../runtime/timer.ts";
import type { Http2Limits } from "../wire/http2/limits.ts";
import { ClientSession } from "./client-session.ts";
import { type Dialing, type DialOptions, type Dialled, dial } from "./dial.ts";
import type { HttpVersionName, Session, StreamOwner } from "./session.ts";
import { ALPN_PROTOCOLS, type ClientTls } from "./tls.ts";
import type { Traffic } from "./traffic.ts";
import type { UpkeepParts, UpkeepRules } from "./upkeep.ts";

export interface OpenSessionOptions extends UpkeepParts {
  readonly address: string;
  /** Limit for the whole attempt, handshakes included, in ms. */
  readonly connectTimeoutMs: number;
  readonly limits?: Partial<Http2Limits>;
  readonly upkeep: UpkeepRules;
  /** Where the bytes of HTTP/2 are counted. Default: nowhere. */
  readonly traffic?: Traffic | undefined;
  /** Those who wait for a stream; shared by the connections to one instance. */
  readonly queue: Set<StreamOwner>;
  /** Speak TLS. Absent: plain text. */
  readonly tls?: ClientTls | undefined;
  /** What to speak. Default `auto`: what TLS agrees on; HTTP/2 without TLS. */
  readonly http?: HttpVersionName;
  /** What `auto` is without TLS. Default `2`. */
  readonly plainHttp?: "2" | "1.1";
  /** Connections over HTTP/1.1, at most. Default 64. */
  readonly http1Connections?: number;
}

/** What happens to a session, from its attempt to its end. */
export interface SessionEvents {
  /** The attempt failed; nothing else follows. */
  onFailed(reason: string): void;
  onReady(session: Session): void;
  /** No new calls there; those open go on. `onClosed` follows. */
  onDraining(session: Session, reason: string): void;
  onClosed(session: Session, reason: string): void;
  /** It should get no more calls than it must; told with each. */
  onFull(session: Session): void;
  onRoom(session: Session): void;
  onIdle(session: Session): void;
  onAged(session: Session): void;
  onTooManyPings(): void;
  /** It has fallen silent, or speaks again. */
  onSilence(session: Session): void;
  /** The peer says how busy it is. `probed`: because it was asked. The object may be used again for the next. */
  onLoad(load: LoadReport, probed: boolean): void;
}

/** What is offered to a TLS server. */
const OFFERED: Readonly<Record<HttpVersionName, readonly string[]>> = {
  auto: ALPN_PROTOCOLS,
  "2": ["h2"],
  "1.1": ["http/1.1"],
};

export class OpeningSession {
  readonly #options: OpenSessionOptions;
  readonly #events: SessionEvents;
  readonly #untilMs: number;
  #dialing: Dialing | undefined;
  /** Connected, but its peer has not said yet that calls may come. */
  #session: ClientSession | undefined = undefined;
  #timer: Timer | undefined = undefined;
  /** The attempt has succeeded, failed, or been given up. */
  #over = false;

  constructor(options: OpenSessionOptions, events: SessionEvents) {
    this.#options = options;
    this.#events = events;
    this.#untilMs = options.clock.now() + options.connectTimeoutMs;
    this.#dialing = dial(this.#dialOptions(), (result) => {
      this.#dialing = undefined;
      if (isHeddleError(result)) this.#fail(result.rawMessage);
      else if (this.#isHttp1(result)) void this.#openHttp1(result.socket);
      else this.#openHttp2(result);
    });
  }

  /** Gives the attempt up; no event follows. */
  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#dialing?.cancel();
    this.#timer?.cancel();
    this.#session?.close("given up");
  }

  #fail(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    this.#events.onFailed(reason);
  }

  /** True while the attempt goes on; then the session is ready. */
  #succeed(session: Session): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    this.#events.onReady(session);
  }

  #dialOptions(): DialOptions {
    const { address, timers, connectTimeoutMs, tls, http = "auto" } = this.#options;
    return { address, timeoutMs: connectTimeoutMs, timers, tls, alpn: OFFERED[http] };
  }

  #isHttp1({ alpn }: Dialled): boolean {
    const { tls, http = "auto", plainHttp = "2" } = this.#options;
    if (http !== "auto") return http === "1.1";
    // A TLS server that names no protocol knows only the one that was there before there were names.
    return tls === undefined ? plainHttp === "1.1" : alpn !== "h2";
  }

  #openHttp2({ socket, alpn }: Dialled): void {
    const { address, clock, timers, connectTimeoutMs } = this.#options;
    const events = this.#events;
    if (alpn === "http/1.1") {
      socket.destroy();
      return this.#fail(`cannot connect to ${address}: it speaks only HTTP/1.1`);
    }
    let ready = false;
    const session = new ClientSession({
      ...this.#options,
      socket,
      onReady: () => {
        ready = true;
        this.#succeed(session);
      },
      onDraining: (reason) => {
        if (ready) events.onDraining(session, reason);
        else this.#fail(`cannot connect to ${address}: the peer is going away`);
      },
      onClose: (reason) => {
        if (ready) events.onClosed(session, reason);
        else this.#fail(`cannot connect to ${address}: ${reason}`);
      },
      onFull: () => events.onFull(session),
      onRoom: () => events.onRoom(session),
      onIdle: () => events.onIdle(session),
      onAged: () => events.onAged(session),
      onSilence: () => events.onSilence(session),
      onLoad: (load, probed) => events.onLoad(load, probed),
      onTooManyPings: () => events.onTooManyPings(),
    });
    this.#session = session;
    this.#timer = timers.after(Math.max(1, this.#untilMs - clock.now()), () =>
      session.close(`no HTTP/2 settings within ${connectTimeoutMs} ms`),
    );
  }

  /** Loaded on first use, with the HTTP client that it brings. */
  async #openHttp1(socket: Duplex): Promise<void> {
    socket.on("error", () => {});
    const { Http1Session } = await import("./http1-session.ts");
    if (this.#over) return void socket.destroy();
    const { address, timers, limits, http1Connections } = this.#options;
    const session = new Http1Session({
      socket,
      address,
      timers,
      maxConnections: http1Connections,
      maxHeadBytes: limits?.maxHeaderListBytes,
      connect: (onResult) =>
        dial({ ...this.#dialOptions(), alpn: OFFERED["1.1"] }, (result) =>
          onResult(isHeddleError(result) ? result : result.socket),
        ),
      onDraining: (reason) => this.#events.onDraining(session, reason),
      onClose: (reason) => this.#events.onClosed(session, reason),
    });
    this.#succeed(session);
  }
}
