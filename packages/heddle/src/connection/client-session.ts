/**
 * One HTTP/2 connection of a client: opens streams for calls and brings each the answers.
 *
 * A call that finds no free stream waits, in order, until one is free here or on another connection to the same
 * instance: they share one queue. What the bytes mean (gRPC, its status, its messages) is the business of the
 * stream's owner.
 */
import type { Duplex } from "node:stream";
import type { LoadReport } from "../balance/balancer.ts";
import type { Method } from "../contract/method.ts";
import type { HeaderBlock } from "../wire/hpack/header-block.ts";
import type { KeptBlock } from "../wire/hpack/kept-block.ts";
import { Http2Connection } from "../wire/http2/connection.ts";
import { ENHANCE_YOUR_CALM, http2ErrorName, PROTOCOL_ERROR } from "../wire/http2/constants.ts";
import { parseResponseHead } from "../wire/http2/head.ts";
import type { Http2Events } from "../wire/http2/events.ts";
import type { Http2Limits } from "../wire/http2/limits.ts";
import type { Http2Stream } from "../wire/http2/stream.ts";
import type { Session, StreamOwner } from "./session.ts";
import { SocketDriver } from "./socket-driver.ts";
import type { Traffic } from "./traffic.ts";
import { Upkeep, type UpkeepOwner, type UpkeepParts, type UpkeepRules } from "./upkeep.ts";
import { writeFields } from "./write-fields.ts";

/** A request head as it was last encoded on this connection. */
export interface KeptRequestHead extends KeptBlock {
  /** The `grpc-timeout` that it holds, in ms. */
  readonly timeoutMs: number;
}

export interface ClientSessionOptions extends UpkeepParts {
  readonly socket: Duplex;
  readonly address: string;
  readonly limits?: Partial<Http2Limits>;
  readonly upkeep: UpkeepRules;
  /** Where its bytes are counted. Default: nowhere. */
  readonly traffic?: Traffic | undefined;
  /** Those who wait for a stream here or on another connection of the same queue. */
  readonly queue: Set<StreamOwner>;
  /** The peer's settings have arrived: calls may go. Called once. */
  readonly onReady: () => void;
  /** No new streams here (GOAWAY, or stream ids used up); those open go on. Called at most once. */
  readonly onDraining: (reason: string) => void;
  readonly onClose: (reason: string) => void;
  /** More than 80 % of the streams that the peer allows are open; called with each further one. */
  readonly onFull: () => void;
  /** No longer full, by a margin. */
  readonly onRoom: () => void;
  /** No call for as long as `setMaxIdleMs` said. */
  readonly onIdle: () => void;
  /** The peer says how busy it is. `probed`: because it was asked. */
  readonly onLoad: (load: LoadReport, probed: boolean) => void;
  /** The peer does not answer although calls are open, or speaks again; see `silent`. */
  readonly onSilence: () => void;
  /** As old as the rules allow. Called once. */
  readonly onAged: () => void;
  /** The peer goes away because we have asked it too often for a sign of life. */
  readonly onTooManyPings: () => void;
}

/** Shares of the peer's stream limit: above the first a connection is full, below the second it has room again. */
const FULL_SHARE = 0.8;
const ROOM_SHARE = 0.6;

/** One probe is under way at a time, so that a busy client asks no more often than it hears; and not more often than this. */
const LEAST_PROBE_DISTANCE_MS = 1;
/** Half of what servers of ours let pass between reports that nobody asked for: one that tells more would outvote the others. */
const LEAST_REPORT_DISTANCE_MS = 5;
/** An answer that has not come by then will not. */
const PROBE_LOST_MS = 1000;

export class ClientSession implements Session, UpkeepOwner {
  readonly httpVersion = "2";
  readonly address: string;
  readonly machine: Http2Connection;
  silent = false;
  /** Request heads that can be sent again, by method; see the send layer. */
  readonly requestHeads = new Map<Method, KeptRequestHead>();
  readonly #driver: SocketDriver;
  readonly #options: ClientSessionOptions;
  readonly #queue: Set<StreamOwner>;
  readonly #upkeep: Upkeep;
  /** Streams from which on it is full. */
  #fullAt = Number.POSITIVE_INFINITY;
  #full = false;
  #ready = false;
  #draining = false;
  #closed = false;
  #probedAtMs = 0;
  #probeDueMs = Number.NEGATIVE_INFINITY;
  #reportDueMs = Number.NEGATIVE_INFINITY;

  constructor(options: ClientSessionOptions) {
    const { socket, address, clock, timers, limits, traffic } = options;
    this.#options = options;
    this.#queue = options.queue;
    this.address = address;
    this.machine = new Http2Connection("client", this.#events(), limits);
    this.#upkeep = new Upkeep(this, options.upkeep, options);
    this.#driver = new SocketDriver({
      socket,
      machine: this.machine,
      clock,
      timers,
      traffic,
      onRoom: () => this.serveQueue(),
      onReceived: () => {
        if (this.silent) this.#heard();
      },
      onClose: (reason) => this.#lost(reason),
    });
    this.machine.open();
    this.#driver.flushSoon();
  }

  /** Gives the owner a stream: at once if one is free, else when one becomes free. */
  request(owner: StreamOwner): void {
    if (this.#closed || this.#draining) owner.onLost(this.#closed ? "it is closed" : "it is draining", false);
    else if (this.#queue.size === 0 && this.machine.canOpen) this.#open(owner);
    else {
      this.#queue.add(owner);
      this.serveQueue();
      // Nothing has opened here that would tell it.
      if (this.#queue.has(owner)) this.#options.onFull();
    }
  }

  /** Withdraws an owner that waits for a stream. */
  withdraw(owner: StreamOwner): void {
    this.#queue.delete(owner);
  }

  get streams(): number {
    return this.machine.streams.size;
  }

  get usedAtMs(): number {
    return this.machine.dataAtMs;
  }

  get heardAtMs(): number {
    return this.machine.nowMs;
  }

  get full(): boolean {
    return this.#full;
  }

  /** Gives streams to those who wait, as long as there are any. */
  serveQueue(): void {
    for (const owner of this.#queue) {
      if (this.#closed || this.#draining || !this.machine.canOpen) return;
      this.#queue.delete(owner);
      this.#open(owner);
    }
  }

  /** How long it may be without a call before `onIdle`; at first `Infinity`. */
  setMaxIdleMs(maxIdleMs: number): void {
    this.#upkeep.setMaxIdleMs(maxIdleMs);
  }

  onDead(reason: string): void {
    this.close(reason);
  }

  onSilent(): void {
    this.silent = true;
    this.#options.onSilence();
  }

  /** Those who can let go of what they asked for, and ask elsewhere, do. */
  releaseCalls(): void {
    const owners = Array.from(this.machine.streams.values(), ({ owner }) => owner as StreamOwner);
    for (const owner of owners) owner.onSilent?.();
  }

  #heard(): void {
    this.silent = false;
    this.#options.onSilence();
  }

  onIdle(): void {
    this.#options.onIdle();
  }

  onAged(): void {
    this.#options.onAged();
  }

  onQuiet(): void {
    this.#driver.release();
  }

  probeLoad(nowMs: number): void {
    if (nowMs < this.#probeDueMs || !this.machine.peerSpeaksLoad) return;
    this.#probedAtMs = nowMs;
    this.#probeDueMs = nowMs + PROBE_LOST_MS;
    this.machine.probeLoad();
    this.#upkeep.askedLoad(nowMs);
    this.#driver.flushSoon();
  }

  sendHead(stream: Http2Stream, fields: readonly string[], endStream: boolean): void {
    const { machine } = this;
    if (stream.localClosed || machine.closed) return;
    const mark = machine.beginHeaders();
    writeFields(machine, fields);
    machine.endHeaders(mark, stream, endStream);
    this.#driver.flushSoon();
  }

  sendBody(stream: Http2Stream, bytes: Uint8Array, endStream: boolean): void {
    this.machine.sendBytes(stream, bytes, endStream);
    this.#driver.flushSoon();
  }

  sendMessage(
    stream: Http2Stream,
    flag: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    endStream: boolean,
  ): void {
    this.machine.sendMessage(stream, flag, bytes, start, end, endStream);
  }

  sendEnd(stream: Http2Stream): void {
    this.machine.sendEnd(stream);
  }

  take(stream: Http2Stream, bytes: number): void {
    this.machine.take(stream, bytes);
  }

  /** To be called after writing to the machine. */
  flushSoon(): void {
    this.#driver.flushSoon();
  }

  /** Cancels a stream that the caller has no more use for. */
  reset(stream: Http2Stream, code: number): void {
    this.machine.reset(stream, code);
    this.#driver.flushSoon();
    this.#streamEnded();
  }

  /** No new streams; closes when those open have ended. */
  drain(reason: string): void {
    if (this.#closed) return;
    this.#startDraining(reason);
    this.#closeWhenDrained();
  }

  /** Closes at once; open streams are lost. */
  close(reason: string): void {
    if (this.#closed) return;
    this.machine.goaway();
    this.#driver.end(reason);
  }

  #open(owner: StreamOwner): void {
    const stream = this.machine.openStream(owner);
    if (this.#upkeep.dozing) this.#upkeep.wake();
    owner.onStream(this, stream);
    this.#driver.flushSoon();
    if (this.machine.streams.size >= this.#fullAt) {
      this.#full = true;
      this.#options.onFull();
    }
  }

  /** Takes note of the content that the head of an answer announces; false when there will be none (RFC 9113 §8.1.1). */
  #expectContent(stream: Http2Stream, block: HeaderBlock, endStream: boolean): boolean {
    const contentLength = parseResponseHead(block)?.contentLength ?? -1;
    stream.contentMissing = contentLength;
    return !endStream || contentLength <= 0;
  }

  #events(): Http2Events {
    return {
      onHeaders: (stream, block, endStream, trailers) => {
        if (!trailers && !this.#expectContent(stream, block, endStream))
          return this.machine.streamError(stream, PROTOCOL_ERROR);
        (stream.owner as StreamOwner).onHeaders(block, endStream, trailers);
        if (endStream) this.#streamEnded();
      },
      onData: (stream, bytes, start, end, endStream) => {
        (stream.owner as StreamOwner).onData(bytes, start, end, endStream);
        if (endStream) this.#streamEnded();
      },
      onReset: (stream, code, unprocessed) => {
        (stream.owner as StreamOwner).onReset(code, unprocessed);
        this.#streamEnded();
      },
      onWritable: (stream) => (stream.owner as StreamOwner).onWritable(),
      onSettings: () => {
        this.#fullAt = Math.max(1, Math.floor(this.machine.peerMaxConcurrentStreams * FULL_SHARE));
        if (!this.#ready) {
          this.#ready = true;
          this.#upkeep.start();
          this.#options.onReady();
        }
        this.serveQueue();
      },
      onGoaway: (_lastStreamId, code, debug) => {
        if (code === ENHANCE_YOUR_CALM && debug === "too_many_pings") this.#options.onTooManyPings();
        this.#startDraining(
          `the peer sent GOAWAY ${http2ErrorName(code)}${debug === "" ? "" : ` "${debug}"`}`,
        );
        this.#closeWhenDrained();
      },
      onPong: () => {},
      onLoadProbe: () => {},
      onLoadReport: (load, probed) => {
        const { nowMs } = this.machine;
        if (!probed && nowMs < this.#reportDueMs) return;
        if (!probed) this.#reportDueMs = nowMs + LEAST_REPORT_DISTANCE_MS;
        else {
          this.#probeDueMs = this.#probedAtMs + LEAST_PROBE_DISTANCE_MS;
          this.#upkeep.heardLoad(nowMs);
        }
        this.#options.onLoad(load, probed);
      },
      onConnectionError: (error) => this.#driver.end(error.rawMessage),
    };
  }

  /** The machine forgets an ended stream only after the event: look when this turn's frames are done. */
  #streamEnded(): void {
    if (!this.#draining && !this.#closed && this.machine.idsUsedUp)
      this.#startDraining("its stream ids are used up");
    if (this.#full) this.#lookForRoom();
    if (this.#queue.size > 0) process.nextTick(() => this.serveQueue());
    if (this.#draining) process.nextTick(() => this.#closeWhenDrained());
  }

  #lookForRoom(): void {
    // The stream that ends may be counted still.
    if (this.machine.streams.size - 1 > this.machine.peerMaxConcurrentStreams * ROOM_SHARE) return;
    this.#full = false;
    this.#options.onRoom();
  }

  #startDraining(reason: string): void {
    if (this.#draining || this.#closed) return;
    this.#draining = true;
    this.#options.onDraining(reason);
    for (const stream of Array.from(this.machine.streams.values()))
      (stream.owner as StreamOwner).onDraining?.();
  }

  #closeWhenDrained(): void {
    if (!this.#closed && this.machine.streams.size === 0) this.#driver.end("drained");
  }

  #lost(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#upkeep.stop();
    const owners = this.machine.abandon().map((stream) => stream.owner as StreamOwner);
    this.#options.onClose(reason);
    for (const owner of owners) owner.onLost(reason, true);
  }
}
