/**
 * The HTTP/2 connection as a pure state machine (RFC 9113): bytes in, events and bytes out.
 *
 * It owns no socket, no timer and no clock. Whoever owns it feeds `receive` with bytes and the time, sends
 * what stands in `out`, and calls `pump` when the socket has taken it. Both roles are the same machine;
 * they differ in who may open streams and in the preface.
 *
 * A rule broken on a stream resets that stream; a rule broken on the connection, or a limit passed, ends
 * the connection with the right error code. Nothing here throws because of what a peer sent.
 */
import type { ErrorName } from "../../call/error-catalogue.ts";
import { HeddleError, type ErrorParams } from "../../call/errors.ts";
import type { LoadReport } from "../../call/load-report.ts";
import { ByteWriter } from "../byte-writer.ts";
import { HpackDecoder } from "../hpack/decoder.ts";
import { HpackEncoder } from "../hpack/encoder.ts";
import {
  CANCEL,
  CLIENT_PREFACE,
  COMPRESSION_ERROR,
  DEFAULT_WINDOW,
  ENHANCE_YOUR_CALM,
  FLOW_CONTROL_ERROR,
  FRAME_SIZE_ERROR,
  http2ErrorName,
  MAX_WINDOW,
  NO_ERROR,
  PROTOCOL_ERROR,
  SETTINGS_ENABLE_PUSH,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_LOAD,
  SETTINGS_MAX_CONCURRENT_STREAMS,
  SETTINGS_MAX_FRAME_SIZE,
  SETTINGS_MAX_HEADER_LIST_SIZE,
  SETTINGS_PING_INTERVAL,
  WINDOW_PING,
} from "./constants.ts";
import type { Http2Events } from "./events.ts";
import { FrameReader } from "./frame-reader.ts";
import {
  beginHeaders,
  finishHeaders,
  writeGoaway,
  writePing,
  writeReset,
  writeSettings,
} from "./frame-writer.ts";
import {
  createFloodGuards,
  DEFAULT_LIMITS,
  type FloodGuards,
  type FloodKind,
  type Http2Limits,
} from "./limits.ts";
import { receiveFrame } from "./receive-frame.ts";
import { DEFAULT_PERMITTED_MS } from "./keepalive.ts";
import { writeLoadProbe, writeLoadReport } from "./load-frame.ts";
import { OpenHeaderBlock } from "./receive-headers.ts";
import { Receiver } from "./receiver.ts";
import { ResetStreams } from "./reset-streams.ts";
import { type MessageEncoder, Sender } from "./sender.ts";
import { Http2Stream } from "./stream.ts";
import { StreamTable } from "./stream-table.ts";

export type Http2Role = "client" | "server";

/** What the first three letters of "HTTP/1.1 400 …" are when they are read as the length of a frame. */
const LENGTH_OF_HTTP1 = 0x485454;

/** A client asks the balancer's question and that of its silence watch at once, and again when an answer is lost. */
const MAX_PROBES_OPEN = 4;

/** What a TLS server says to a client that speaks plain text (RFC 8446 §6); too short to be a frame. */
function isTlsAlert(chunk: Uint8Array): boolean {
  return chunk[0] === 21 && chunk[1] === 3;
}

export class Http2Connection {
  readonly role: Http2Role;
  readonly limits: Http2Limits;
  readonly events: Http2Events;
  /** Bytes for the socket. Empty it after each turn with `out.reset()`. Small at first: many connections only idle. */
  readonly out = new ByteWriter(128);
  readonly encoder = new HpackEncoder();
  readonly decoder: HpackDecoder;
  readonly sender: Sender;
  readonly receiver: Receiver;
  readonly guards: FloodGuards;
  readonly streams = new StreamTable();
  /** Set when the connection is over: by an error, or by `close`. */
  closed = false;
  /** We sent GOAWAY: new streams of the peer are ignored. */
  draining = false;
  /** The peer sent GOAWAY: no new streams from us. */
  peerGoing = false;
  /** The peer's first SETTINGS have arrived. */
  settingsReceived = false;
  /** Streams that the peer lets us have open. Until it says so, a cautious guess. */
  peerMaxConcurrentStreams = 100;
  peerInitialWindow = DEFAULT_WINDOW;
  /** The distance of PINGs that the peer puts up with, in ms. */
  peerPingIntervalMs: number;
  /** The peer understands LOAD frames. */
  peerSpeaksLoad = false;
  /** Probes of ours that an answer may still come to. */
  probesOpen = 0;
  /** Highest stream id that the peer opened. */
  lastPeerStreamId = 0;
  /** Highest stream id of the peer that we serve: all, until our GOAWAY says otherwise. */
  lastServedStreamId = MAX_WINDOW;
  /** Time of the current or last `receive`. */
  nowMs = 0;
  /** Time of the last data or headers of a call. */
  dataAtMs = 0;
  /** Answers to our PINGs that are still to come; further ones are noise. */
  pongsDue = 0;
  /** The header block that waits for CONTINUATION frames, if any. */
  readonly headers = new OpenHeaderBlock();
  readonly #reader: FrameReader;
  readonly #resetStreams = new ResetStreams();
  #nextStreamId: number;
  #prefaceBytes: number;

  constructor(role: Http2Role, events: Http2Events, limits: Partial<Http2Limits> = {}) {
    this.role = role;
    // No client complains of its server's PINGs.
    this.peerPingIntervalMs = role === "client" ? DEFAULT_PERMITTED_MS : 0;
    this.events = events;
    this.limits = { ...DEFAULT_LIMITS, ...limits };
    this.decoder = new HpackDecoder({ maxHeaderListBytes: this.limits.maxHeaderListBytes });
    this.guards = createFloodGuards(this.limits);
    this.receiver = new Receiver(this.out, this.limits);
    this.sender = new Sender(this.out, {
      onWritable: (stream) => events.onWritable(stream),
      onSent: (stream) => this.#closeLocal(stream),
    });
    this.#reader = new FrameReader(
      {
        onFrame: (type, flags, id, bytes, start, length) =>
          receiveFrame(this, type, flags, id, bytes, start, length),
        onOversizeFrame: (length) => {
          if (length === LENGTH_OF_HTTP1 && !this.settingsReceived) {
            return this.fail(PROTOCOL_ERROR, "prefaceInvalid", { reason: "it answers in HTTP/1" });
          }
          this.fail(FRAME_SIZE_ERROR, "frameSize", {
            reason: `${length} bytes, at most ${this.limits.maxFrameBytes} are accepted`,
          });
        },
      },
      this.limits.maxFrameBytes,
    );
    this.#nextStreamId = role === "client" ? 1 : 2;
    this.#prefaceBytes = role === "client" ? CLIENT_PREFACE.length : 0;
  }

  /** Writes our preface, settings and connection window. Call once, first. */
  open(): void {
    if (this.role === "client") this.out.write(CLIENT_PREFACE);
    const settings: (readonly [number, number])[] = [
      [SETTINGS_INITIAL_WINDOW_SIZE, this.limits.streamWindowBytes],
      [SETTINGS_MAX_FRAME_SIZE, this.limits.maxFrameBytes],
      [SETTINGS_MAX_HEADER_LIST_SIZE, this.limits.maxHeaderListBytes],
      [SETTINGS_LOAD, 1],
    ];
    if (this.role === "client") settings.push([SETTINGS_ENABLE_PUSH, 0]);
    else {
      settings.push([SETTINGS_MAX_CONCURRENT_STREAMS, this.limits.maxConcurrentStreams]);
      settings.push([SETTINGS_PING_INTERVAL, Math.ceil(1000 / this.limits.pings.perSecond)]);
    }
    writeSettings(this.out, settings);
    this.receiver.open();
  }

  /** Takes the next bytes from the peer. Events run inside; afterwards `out` may have content. */
  receive(chunk: Uint8Array, nowMs: number): void {
    if (this.closed) return;
    this.nowMs = nowMs;
    if (!this.settingsReceived && this.role === "client" && isTlsAlert(chunk))
      return this.fail(PROTOCOL_ERROR, "prefaceInvalid", { reason: "it answers in TLS" });
    let from = 0;
    while (this.#prefaceBytes < CLIENT_PREFACE.length && from < chunk.length) {
      if (chunk[from] !== CLIENT_PREFACE[this.#prefaceBytes]) {
        this.fail(PROTOCOL_ERROR, "prefaceInvalid", {
          reason: `byte ${this.#prefaceBytes} is ${chunk[from]}`,
        });
        return;
      }
      from++;
      this.#prefaceBytes++;
    }
    if (from < chunk.length) this.#reader.push(chunk, from);
  }

  /** True when no further stream can be opened here: ids are not used twice. */
  get idsUsedUp(): boolean {
    return this.#nextStreamId > MAX_WINDOW;
  }

  /** Streams that were opened here, ever. */
  get streamsOpened(): number {
    return this.#nextStreamId >>> 1;
  }

  /** True while a new stream may be opened here. A peer that does not read gets no more requests to not read. */
  get canOpen(): boolean {
    return (
      !this.closed &&
      !this.peerGoing &&
      !this.draining &&
      this.hasControlRoom &&
      this.streams.size < this.peerMaxConcurrentStreams &&
      !this.idsUsedUp
    );
  }

  /** Opens a stream of ours. Check `canOpen` first. */
  openStream(owner: unknown): Http2Stream {
    const stream = new Http2Stream(
      this.#nextStreamId,
      this.peerInitialWindow,
      this.receiver.streamWindowBytes,
    );
    this.#nextStreamId += 2;
    stream.owner = owner;
    this.streams.add(stream);
    return stream;
  }

  /** Registers a stream that the peer opened. */
  acceptStream(id: number): Http2Stream {
    const stream = new Http2Stream(id, this.peerInitialWindow, this.receiver.streamWindowBytes);
    this.streams.add(stream);
    return stream;
  }

  /** Opens a header block: encode fields with `encoder` into `out`, then call `endHeaders` with the returned mark. */
  beginHeaders(): number {
    const mark = beginHeaders(this.out);
    this.encoder.begin(this.out);
    return mark;
  }

  endHeaders(mark: number, stream: Http2Stream, endStream: boolean): void {
    finishHeaders(this.out, mark, stream.id, endStream, this.sender.maxFrameBytes);
    if (endStream) this.#closeLocal(stream);
  }

  /** Runs `write` (which writes the header block of `call`'s trailers) after all queued data. */
  afterData<Call>(stream: Http2Stream, write: (call: Call) => void, call: Call): void {
    if (stream.localClosed) return;
    if (stream.queue === undefined) write(call);
    else stream.trailersQueued = () => write(call);
  }

  /** Sends one gRPC message, `bytes[start, end)`. Waits in the stream's queue when windows or socket are full. */
  sendMessage(
    stream: Http2Stream,
    flag: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    endStream: boolean,
  ): void {
    if (!stream.localClosed && !this.closed)
      this.sender.sendMessage(stream, flag, bytes, start, end, endStream);
  }

  /** Sends bytes that are no gRPC message. */
  sendBytes(stream: Http2Stream, bytes: Uint8Array, endStream: boolean): void {
    if (!stream.localClosed && !this.closed) this.sender.sendBytes(stream, bytes, endStream);
  }

  /** Encodes and sends one gRPC message; see `Sender.sendEncoded`. */
  sendEncoded<T>(stream: Http2Stream, encoder: MessageEncoder<T>, message: T, maxBytes: number): void {
    if (!stream.localClosed && !this.closed) this.sender.sendEncoded(stream, encoder, message, maxBytes);
  }

  /** Ends our side after what was sent. */
  sendEnd(stream: Http2Stream): void {
    if (!stream.localClosed && !this.closed) this.sender.sendEnd(stream);
  }

  /** The reader has taken `bytes` of the stream's data. */
  take(stream: Http2Stream, bytes: number): void {
    if (!this.closed) this.receiver.take(stream, bytes);
  }

  /** Resets a stream of our own will. No event follows. */
  reset(stream: Http2Stream, code: number = CANCEL): void {
    if (this.closed || !this.streams.has(stream.id)) return;
    writeReset(this.out, stream.id, code);
    this.#resetStreams.add(stream.id);
    this.forget(stream);
  }

  /** Asks the peer to open no more streams; those already on the way are still served (§6.8). */
  announceGoaway(): void {
    if (!this.closed) writeGoaway(this.out, MAX_WINDOW, NO_ERROR, "");
  }

  /** Serves no further streams of the peer; those open go on. */
  goaway(): void {
    if (this.closed) return;
    this.draining = true;
    this.lastServedStreamId = Math.min(this.lastServedStreamId, this.lastPeerStreamId);
    writeGoaway(this.out, this.lastServedStreamId, NO_ERROR, "");
  }

  ping(opaque: Uint8Array): void {
    if (this.closed) return;
    this.pongsDue++;
    writePing(this.out, opaque, false);
  }

  /** Asks a server how busy it is. */
  probeLoad(): void {
    if (this.closed || !this.peerSpeaksLoad || !this.hasControlRoom) return;
    this.probesOpen = Math.min(this.probesOpen + 1, MAX_PROBES_OPEN);
    writeLoadProbe(this.out);
  }

  /** Tells a client how busy this server is. */
  reportLoad(load: LoadReport, probed: boolean): void {
    if (!this.closed && this.peerSpeaksLoad && this.hasControlRoom) writeLoadReport(this.out, load, probed);
  }

  /** Ends the machine without an error: the socket is gone or will be. */
  close(): void {
    this.closed = true;
    this.#reader.stopped = true;
  }

  /** After the end: the streams that were still open, whose owners must be told. */
  abandon(): Http2Stream[] {
    const open = [...this.streams.values()];
    this.streams.clear();
    return open;
  }

  // What follows serves the frame handlers of this folder.

  /** Measures the link, to learn how large the windows should be. */
  measure(): void {
    this.receiver.beginMeasurement(this.nowMs);
    this.ping(WINDOW_PING);
  }

  /** An answer to a PING. It may be made up: of windows it can only say what data really arrived. */
  receivePong(opaque: Uint8Array): void {
    if (WINDOW_PING.every((byte, i) => byte === opaque[i]))
      this.receiver.endMeasurement(this.nowMs, this.streams.values());
    else this.events.onPong(opaque);
  }

  /** A rule of the connection is broken, or a limit passed: GOAWAY, and the end. */
  fail(code: number, reason: ErrorName, params: ErrorParams): void {
    if (this.closed) return;
    const error = new HeddleError(reason, params);
    // A later GOAWAY must not name a higher stream than an earlier one (§6.8).
    writeGoaway(
      this.out,
      Math.min(this.lastServedStreamId, this.lastPeerStreamId),
      code,
      `${error.heddleCode} ${http2ErrorName(code)}`,
    );
    this.closed = true;
    this.#reader.stopped = true;
    this.events.onConnectionError(error);
  }

  protocolError(reason: string): void {
    this.fail(PROTOCOL_ERROR, "protocolError", { reason });
  }

  flowControlError(reason: string): void {
    this.fail(FLOW_CONTROL_ERROR, "flowControl", { reason });
  }

  compressionError(reason: string): void {
    this.fail(COMPRESSION_ERROR, "headerCompression", { reason });
  }

  frameSizeError(reason: string): void {
    this.fail(FRAME_SIZE_ERROR, "frameSize", { reason });
  }

  /** Counts an event that floods are made of; false, and the end, when there were too many. */
  allows(kind: FloodKind): boolean {
    if (!this.guards[kind].hit(this.nowMs)) return true;
    const { burst, perSecond } = this.limits[kind];
    this.fail(ENHANCE_YOUR_CALM, "flood", { kind, limit: `${burst} at once and ${perSecond} a second` });
    return false;
  }

  /**
   * Counts a frame that a peer sends when it has read data of ours: window updates, and the pings with which
   * many measure the delay. As many as our own data explains are free; the rest is `kind`.
   */
  allowsFeedback(kind: FloodKind): boolean {
    return this.sender.spendFeedbackCredit() || this.allows(kind);
  }

  /** False while so many frames that no window holds back wait for a peer which does not read that no more may be added. */
  get hasControlRoom(): boolean {
    return !this.sender.corked || this.out.length < this.limits.maxQueuedControlBytes;
  }

  /** True when an answer to a control frame may be queued; false, and the end, when the peer does not read them. */
  allowsAnswer(): boolean {
    if (this.hasControlRoom) return true;
    this.fail(ENHANCE_YOUR_CALM, "flood", {
      kind: "control frames that it does not read",
      limit: `${this.limits.maxQueuedControlBytes} bytes`,
    });
    return false;
  }

  /** A rule of one stream is broken by the peer: reset it, tell its owner, count it. */
  streamError(stream: Http2Stream, code: number): void {
    this.resetId(stream.id, code);
    if (this.closed) return;
    this.forget(stream);
    this.events.onReset(stream, code, false);
  }

  /** Resets a stream that has no state here (refused, or long gone), and counts it. */
  resetId(id: number, code: number): void {
    if (!this.allows("resets")) return;
    writeReset(this.out, id, code);
    this.#resetStreams.add(id);
  }

  /** True for a stream whose frames are let pass: the peer did not know yet that we reset it, or do not serve it. */
  ignores(id: number): boolean {
    return this.#resetStreams.has(id) || (id > this.lastServedStreamId && id <= this.lastPeerStreamId);
  }

  /** True for an id that nobody has used yet. */
  isIdle(id: number): boolean {
    const oursToOpen = (id % 2 === 1) === (this.role === "client");
    return oursToOpen ? id >= this.#nextStreamId : id > this.lastPeerStreamId;
  }

  forget(stream: Http2Stream): void {
    stream.localClosed = true;
    stream.remoteClosed = true;
    this.streams.delete(stream.id);
    this.sender.forget(stream);
    // The owner may hold bytes that it has not taken; they no longer count against the connection.
    this.receiver.forget(stream);
  }

  #closeLocal(stream: Http2Stream): void {
    stream.localClosed = true;
    if (stream.remoteClosed) this.forget(stream);
  }
}
