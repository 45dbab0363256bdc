/**
 * Incoming data under flow control (RFC 9113 §5.2): what the peer may still send, and when it gets more.
 *
 * A stream's window is granted back only when the reader has taken the bytes: that is the back-pressure a
 * slow reader exerts. The connection's window is granted back at once, so that one slow stream does not
 * stop the others, until all unread bytes together reach `maxUnreadBytes`; from then on it too waits.
 */
import type { ByteWriter } from "../byte-writer.ts";
import { BandwidthEstimator } from "./bandwidth.ts";
import { DEFAULT_WINDOW, SETTINGS_INITIAL_WINDOW_SIZE } from "./constants.ts";
import { writeSettings, writeWindowUpdate } from "./frame-writer.ts";
import type { Http2Limits } from "./limits.ts";
import type { Http2Stream } from "./stream.ts";

export class Receiver {
  /** What the peer may send on a new stream. */
  streamWindowBytes: number;
  /** Readers have used up half a window since the last measurement: with the next data there is one to make. */
  wantsMeasurement = false;
  readonly #out: ByteWriter;
  readonly #limits: Http2Limits;
  readonly #bandwidth: BandwidthEstimator;
  #connectionWindowBytes: number;
  /** Bytes that the peer may still send on the connection. */
  #window = DEFAULT_WINDOW;
  /** Bytes received and not granted back on the connection. */
  #owed = 0;
  #unread = 0;

  constructor(out: ByteWriter, limits: Http2Limits) {
    this.#out = out;
    this.#limits = limits;
    this.streamWindowBytes = limits.streamWindowBytes;
    this.#connectionWindowBytes = limits.connectionWindowBytes;
    this.#bandwidth = new BandwidthEstimator(limits.streamWindowBytes, limits.maxWindowBytes);
  }

  /** Raises the connection window from the protocol's 64 KiB to ours; part of the opening. */
  open(): void {
    const raise = this.#limits.connectionWindowBytes - DEFAULT_WINDOW;
    if (raise <= 0) return;
    writeWindowUpdate(this.#out, 0, raise);
    this.#window += raise;
  }

  /** A PING goes out now, and what arrives until its answer is counted. */
  beginMeasurement(nowMs: number): void {
    this.wantsMeasurement = false;
    this.#bandwidth.begin(nowMs);
  }

  /** The answer is there: enlarges the windows, those of `streams` too, when they hold the peer back. */
  endMeasurement(nowMs: number, streams: Iterable<Http2Stream>): void {
    if (!this.#bandwidth.end(nowMs)) return;
    const { windowBytes } = this.#bandwidth;
    const raise = windowBytes - this.streamWindowBytes;
    this.streamWindowBytes = windowBytes;
    writeSettings(this.#out, [[SETTINGS_INITIAL_WINDOW_SIZE, windowBytes]]);
    for (const stream of streams) stream.receiveWindow += raise;
    const connectionRaise = windowBytes - this.#connectionWindowBytes;
    if (connectionRaise <= 0) return;
    this.#connectionWindowBytes = windowBytes;
    writeWindowUpdate(this.#out, 0, connectionRaise);
    this.#window += connectionRaise;
  }

  /** Accounts a DATA frame on the connection; false when the peer sent more than it was granted. */
  receive(flowBytes: number): boolean {
    this.#window -= flowBytes;
    if (this.#window < 0) return false;
    this.#owed += flowBytes;
    this.#grantConnection();
    return true;
  }

  /** Accounts it on the stream; `padding` counts as taken. False when over the stream's window. */
  receiveOn(stream: Http2Stream, dataBytes: number, padding: number): boolean {
    stream.receiveWindow -= dataBytes + padding;
    stream.unread += dataBytes;
    this.#unread += dataBytes;
    stream.taken += padding;
    return stream.receiveWindow >= 0;
  }

  /** The reader has taken `bytes` of the stream. */
  take(stream: Http2Stream, bytes: number): void {
    const taken = Math.min(bytes, stream.unread);
    stream.unread -= taken;
    this.#unread -= taken;
    stream.taken += taken;
    if (this.#bandwidth.measuring) this.#bandwidth.count(taken);
    if (!stream.remoteClosed && stream.taken * 2 >= this.streamWindowBytes) {
      writeWindowUpdate(this.#out, stream.id, stream.taken);
      stream.receiveWindow += stream.taken;
      stream.taken = 0;
      this.#wantMeasurement();
    }
    this.#grantConnection();
  }

  /** The stream is over: nobody will take the rest. */
  forget(stream: Http2Stream): void {
    this.#unread -= stream.unread;
    stream.unread = 0;
    this.#grantConnection();
  }

  #grantConnection(): void {
    if (this.#owed * 2 < this.#connectionWindowBytes || this.#unread > this.#limits.maxUnreadBytes) return;
    writeWindowUpdate(this.#out, 0, this.#owed);
    this.#window += this.#owed;
    this.#owed = 0;
    this.#wantMeasurement();
  }

  #wantMeasurement(): void {
    if (this.#bandwidth.usedUp()) this.wantsMeasurement = true;
  }
}
