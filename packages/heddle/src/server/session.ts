/**
 * One HTTP/2 connection of a server: turns streams into calls, and ends gracefully when asked.
 */
import type { Duplex } from "node:stream";
import { HeddleError } from "../call/errors.ts";
import { SocketDriver } from "../connection/socket-driver.ts";
import type { Traffic } from "../connection/traffic.ts";
import { Upkeep, type UpkeepOwner, type UpkeepParts } from "../connection/upkeep.ts";
import type { Timer } from "../runtime/timer.ts";
import type { KeptBlock } from "../wire/hpack/kept-block.ts";
import { Http2Connection } from "../wire/http2/connection.ts";
import {
  CANCEL,
  http2ErrorName,
  NO_ERROR,
  PROTOCOL_ERROR,
  SETTINGS_TIMEOUT,
} from "../wire/http2/constants.ts";
import { areTrailersValid, parseRequestHead } from "../wire/http2/head.ts";
import type { Http2Events } from "../wire/http2/events.ts";
import type { Http2Limits } from "../wire/http2/limits.ts";
import type { ServerCall } from "./call.ts";
import type { ServerUpkeepRules } from "./connection-options.ts";
import { Http2Call } from "./http2-call.ts";
import type { ServerParts } from "./layer.ts";
import { StalledCalls } from "./stalled-calls.ts";
import { Peer } from "./peer.ts";

export interface ServerSessionOptions extends UpkeepParts {
  readonly socket: Duplex;
  readonly parts: ServerParts;
  readonly limits: Partial<Http2Limits>;
  /** Where its bytes are counted. */
  readonly traffic: Traffic;
  readonly upkeep: ServerUpkeepRules;
  /** A peer must have sent its preface and settings by then, in ms. */
  readonly handshakeTimeoutMs: number;
  /** Enters the stack. */
  readonly start: (call: ServerCall) => void;
  readonly onClose: (session: ServerSession) => void;
  /** The peer broke the protocol or a limit; the connection is being closed. */
  readonly onPeerError: (error: HeddleError) => void;
}

/** After asking a client to stop opening streams, how long to wait for its answer to our ping. */
const GOAWAY_GRACE_MS = 1000;

const LOAD_EVERY_MS = 10;

const DRAIN_PING = Uint8Array.from("hdldrain", (c) => c.charCodeAt(0));

export class ServerSession implements UpkeepOwner {
  readonly machine: Http2Connection;
  /** Heads and trailers that are the same in every answer; see `grpc-answer.ts`. */
  readonly blocks = new Map<string, KeptBlock>();
  readonly #options: ServerSessionOptions;
  readonly #driver: SocketDriver;
  #handshake: Timer;
  #isEstablished = false;
  #goingAway: "no" | "announced" | "final" = "no";
  #graceTimer: Timer | undefined;
  readonly #upkeep: Upkeep;
  #ageTimer: Timer | undefined;
  readonly #stalled: StalledCalls;
  #stalledTimer: Timer | undefined;
  #loadDueMs = Number.NEGATIVE_INFINITY;

  constructor(options: ServerSessionOptions) {
    const { socket, clock, timers, limits, handshakeTimeoutMs, traffic } = options;
    this.#options = options;
    this.machine = new Http2Connection("server", this.#events(), limits);
    this.#upkeep = new Upkeep(this, options.upkeep, options);
    this.#stalled = new StalledCalls(options.upkeep.stalledCallMs);
    this.#driver = new SocketDriver({
      socket,
      machine: this.machine,
      clock,
      timers,
      traffic,
      onClose: (reason) => this.#lost(reason),
    });
    this.#handshake = timers.after(handshakeTimeoutMs, () => {
      this.machine.fail(SETTINGS_TIMEOUT, "prefaceInvalid", {
        reason: `no preface and settings within ${handshakeTimeoutMs} ms`,
      });
    });
    this.machine.open();
    this.#driver.flushSoon();
  }

  /** Who is at the other end. Made when somebody asks. */
  get peer(): Peer {
    return new Peer(this.#options.socket);
  }

  /** To be called after writing to the machine. */
  flushSoon(): void {
    this.#driver.flushSoon();
  }

  /** Tells the client how busy this server is, with the answers that leave now; not with each. */
  tellLoad(nowMs: number): void {
    if (nowMs < this.#loadDueMs || !this.machine.peerSpeaksLoad) return;
    this.#loadDueMs = nowMs + LOAD_EVERY_MS;
    this.machine.reportLoad(this.#options.parts.load.report(nowMs), false);
  }

  /** Asks the client to go elsewhere, serves what it has sent until then, and closes. */
  drain(): void {
    if (this.#goingAway !== "no") return;
    this.#goingAway = "announced";
    this.machine.announceGoaway();
    this.machine.ping(DRAIN_PING);
    this.flushSoon();
    // The answer to the ping comes after every request that was on its way.
    this.#graceTimer = this.#options.timers.after(GOAWAY_GRACE_MS, () => this.#goawayFinal());
  }

  /** Ends the calls that still run, in their own words. Returns their methods. */
  cut(reason: string): readonly string[] {
    const running = [...this.machine.streams.values()].flatMap(({ owner }) => {
      const call = owner as Http2Call | undefined;
      return call === undefined || call.ended ? [] : [call];
    });
    for (const call of running) call.abort(new HeddleError("serverStopped", { method: call.name, reason }));
    return running.map(({ name }) => name);
  }

  /** Closes at once. */
  close(reason: string): void {
    this.machine.goaway();
    this.#driver.end(reason);
  }

  onDead(reason: string): void {
    this.#driver.end(reason);
  }

  onIdle(): void {
    this.drain();
  }

  onAged(): void {
    this.drain();
    const { timers, upkeep } = this.#options;
    if (upkeep.graceMs < Number.POSITIVE_INFINITY)
      this.#ageTimer = timers.after(upkeep.graceMs, () =>
        this.close("the connection is as old as it may be"),
      );
  }

  onQuiet(): void {
    this.#driver.release();
  }

  #goawayFinal(): void {
    if (this.#goingAway !== "announced") return;
    this.#goingAway = "final";
    this.#graceTimer?.cancel();
    this.machine.goaway();
    this.flushSoon();
    this.#closeWhenDrained();
  }

  #closeWhenDrained(): void {
    if (this.#goingAway === "final" && this.machine.streams.size === 0) this.#driver.end("drained");
  }

  #events(): Http2Events {
    return {
      onHeaders: (stream, block, endStream, trailers) => {
        if (trailers) {
          if (!areTrailersValid(block.fields)) return this.machine.streamError(stream, PROTOCOL_ERROR);
          return (stream.owner as Http2Call | undefined)?.reader?.onEnd();
        }
        const head = parseRequestHead(block);
        if (head === undefined || (endStream && head.contentLength > 0))
          return this.machine.streamError(stream, PROTOCOL_ERROR);
        stream.contentMissing = head.contentLength;
        const call = new Http2Call(this.#options.parts, this, stream, head, this.machine.nowMs);
        stream.owner = call;
        this.#options.start(call);
        if (endStream) call.reader?.onEnd();
      },
      onData: (stream, bytes, start, end, endStream) => {
        const { reader } = stream.owner as Http2Call;
        if (reader === undefined) return this.machine.take(stream, end - start);
        reader.onData(bytes, start, end);
        if (endStream) reader.onEnd();
      },
      onReset: (stream, code) => {
        const call = stream.owner as Http2Call | undefined;
        const reason =
          code === CANCEL || code === NO_ERROR
            ? "by the caller"
            : `by the caller (HTTP/2 ${http2ErrorName(code)})`;
        call?.abort(new HeddleError("cancelled", { method: call.name, reason }));
        this.streamEnded();
      },
      onWritable: (stream) => (stream.owner as Http2Call | undefined)?.onWritable(),
      onSettings: () => this.#established(),
      onGoaway: () => {},
      onPong: (opaque) => {
        if (DRAIN_PING.every((byte, i) => byte === opaque[i])) this.#goawayFinal();
      },
      onLoadProbe: () => {
        const { clock, parts } = this.#options;
        this.machine.reportLoad(parts.load.report(clock.now()), true);
      },
      onLoadReport: () => {},
      onConnectionError: (error) => {
        this.#options.onPeerError(error);
        this.#driver.end(error.rawMessage);
      },
    };
  }

  /** A stream has ended: the last one closes a draining connection. */
  streamEnded(): void {
    if (this.#goingAway === "final") process.nextTick(() => this.#closeWhenDrained());
  }

  /** The client's settings are there, for the first time or changed. */
  #established(): void {
    if (this.#isEstablished) return;
    this.#isEstablished = true;
    this.#handshake.cancel();
    this.#upkeep.start();
    this.#lookForStalled();
  }

  #lookForStalled(): void {
    const { everyMs } = this.#stalled;
    if (everyMs === Number.POSITIVE_INFINITY) return;
    this.#stalledTimer = this.#options.timers.after(everyMs, () => {
      this.#stalled.look(this.machine, this.#options.clock.now());
      this.flushSoon();
      this.#lookForStalled();
    });
  }

  #lost(reason: string): void {
    this.#handshake.cancel();
    this.#upkeep.stop();
    this.#ageTimer?.cancel();
    this.#stalledTimer?.cancel();
    this.#graceTimer?.cancel();
    for (const stream of this.machine.abandon()) {
      const call = stream.owner as Http2Call | undefined;
      call?.abort(
        new HeddleError("cancelled", {
          method: call.name,
          reason: `its connection ended: ${reason}`,
        }),
      );
    }
    this.#options.onClose(this);
  }
}
