/**
 * Outgoing data under flow control (RFC 9113 §5.2), for all streams of a connection.
 *
 * A message that fits the windows and the socket goes straight into the output buffer. Otherwise it waits
 * in its stream's queue, by reference, and `pump` moves waiting data one frame per stream in turn, so that
 * one large stream cannot starve the others.
 */
import { messageTooLarge } from "../../call/message-limits.ts";
import { ByteWriter } from "../byte-writer.ts";
import { ENVELOPE_BYTES } from "../envelope-reader.ts";
import {
  DEFAULT_MAX_FRAME_BYTES,
  DEFAULT_WINDOW,
  FLAG_END_STREAM,
  FRAME_DATA,
  MAX_WINDOW,
  FRAME_HEADER_BYTES,
} from "./constants.ts";
import { writeData, writeEnvelopedData, writeEnvelopePrefix, writeFrameHeader } from "./frame-writer.ts";
import type { Http2Stream } from "./stream.ts";

/** `pump` stops filling the output buffer here; the socket gets it before more is copied. */
const OUTPUT_HIGH_WATER_BYTES = 256 * 1024;

/** A stream's writer may go on when less than this waits. */
export const QUEUE_LOW_WATER_BYTES = 64 * 1024;

const EMPTY = new Uint8Array(0);

/** Appends the binary form of a message to the output. */
export interface MessageEncoder<T> {
  encodeInto(message: T, sink: ByteWriter): void;
}

export interface SenderEvents {
  onWritable(stream: Http2Stream): void;
  /** The last byte with END_STREAM has been written. */
  onSent(stream: Http2Stream): void;
}

export class Sender {
  /** Connection window: bytes that we may send on all streams together. */
  window = DEFAULT_WINDOW;
  /** The peer's SETTINGS_MAX_FRAME_SIZE. */
  maxFrameBytes = DEFAULT_MAX_FRAME_BYTES;
  /** The socket has not taken what it was given: data waits in its streams. */
  corked = false;
  /** Window updates and pings that our data gives the peer reason to send: two for each DATA frame. */
  #feedbackCredit = 0;
  readonly #out: ByteWriter;
  /** Where messages are encoded: the storage of the output, for as long as that takes. */
  readonly #sink = new ByteWriter(0);
  #encoding = false;
  readonly #events: SenderEvents;
  /** Streams with queued data that their own window lets go, in the order they take turns. */
  readonly #waiting = new Set<Http2Stream>();

  constructor(out: ByteWriter, events: SenderEvents) {
    this.#out = out;
    this.#events = events;
  }

  /** Sends one gRPC message, `bytes[start, end)`, behind its flag byte and length. */
  sendMessage(
    stream: Http2Stream,
    flag: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    endStream: boolean,
  ): void {
    const payloadBytes = end - start;
    if (this.#fits(stream, ENVELOPE_BYTES + payloadBytes, this.#out.length)) {
      writeEnvelopedData(this.#out, stream.id, flag, bytes, start, end, endStream);
      this.#account(stream, ENVELOPE_BYTES + payloadBytes, endStream);
    } else {
      this.#enqueueMessage(stream, flag, bytes.subarray(start, end), endStream);
    }
  }

  /**
   * Encodes a message straight into the output, behind the space for frame header and prefix, and sends it.
   * Throws what the encoder throws, and `messageTooLarge` for more than `maxBytes`; nothing is sent then.
   *
   * A message of plain objects may have getters, and these may do anything: close the server, say, and so write a
   * GOAWAY into this very output. So the encoder has the storage to itself meanwhile; what others write is put
   * before the message.
   */
  sendEncoded<T>(stream: Http2Stream, encoder: MessageEncoder<T>, message: T, maxBytes: number): void {
    if (this.#encoding) return this.#sendEncodedWithin(stream, encoder, message, maxBytes);
    const out = this.#out;
    const sink = this.#sink;
    const { bytes, length: frameStart } = out;
    const { corked } = this;
    sink.bytes = bytes;
    sink.length = frameStart;
    sink.ensure(FRAME_HEADER_BYTES + ENVELOPE_BYTES);
    const payloadStart = frameStart + FRAME_HEADER_BYTES + ENVELOPE_BYTES;
    sink.length = payloadStart;
    out.bytes = EMPTY;
    out.length = 0;
    this.corked = true;
    this.#encoding = true;
    let payloadBytes = -1;
    let encoded = bytes;
    let meanwhile: Uint8Array | undefined;
    try {
      encoder.encodeInto(message, sink);
      payloadBytes = sink.length - payloadStart;
    } finally {
      encoded = sink.bytes;
      sink.bytes = EMPTY;
      this.#encoding = false;
      this.corked = corked;
      if (out.length > 0) meanwhile = out.view();
      out.bytes = bytes;
      out.length = frameStart;
      if (meanwhile !== undefined) out.write(meanwhile);
    }
    if (payloadBytes > maxBytes) throw messageTooLarge(payloadBytes, maxBytes, "sent");
    if (stream.localClosed) return;
    const total = ENVELOPE_BYTES + payloadBytes;
    if (meanwhile === undefined && this.#fits(stream, total, frameStart)) {
      out.bytes = encoded;
      writeFrameHeader(out, total, FRAME_DATA, 0, stream.id);
      writeEnvelopePrefix(out.bytes, out.length, 0, payloadBytes);
      out.length = payloadStart + payloadBytes;
      this.#account(stream, total, false);
      return;
    }
    // A message that made the storage grow keeps what it has grown to: large ones are not copied once more.
    const end = payloadStart + payloadBytes;
    const payload = encoded === bytes ? bytes.slice(payloadStart, end) : encoded.subarray(payloadStart, end);
    this.#enqueueMessage(stream, 0, payload, false);
  }

  /** Sends bytes that are no gRPC message. */
  sendBytes(stream: Http2Stream, bytes: Uint8Array, endStream: boolean): void {
    this.#enqueue(stream, bytes);
    stream.endQueued = endStream;
    this.pump();
  }

  /** Ends our side of the stream without further data. */
  sendEnd(stream: Http2Stream): void {
    if (stream.queue !== undefined) {
      stream.endQueued = true;
      return;
    }
    writeData(this.#out, stream.id, EMPTY, 0, 0, true);
    this.#events.onSent(stream);
  }

  /** What a getter of a message sends that is being encoded. */
  #sendEncodedWithin<T>(stream: Http2Stream, encoder: MessageEncoder<T>, message: T, maxBytes: number): void {
    const own = new ByteWriter(256);
    encoder.encodeInto(message, own);
    if (own.length > maxBytes) throw messageTooLarge(own.length, maxBytes, "sent");
    this.sendMessage(stream, 0, own.bytes, 0, own.length, false);
  }

  /** Moves waiting data into the output buffer as far as windows and socket allow. */
  pump(): void {
    if (this.corked) return;
    // A stream that has sent goes to the end of the line, where this loop, or the next pump, finds it again.
    for (const stream of this.#waiting) {
      if (this.#out.length >= OUTPUT_HIGH_WATER_BYTES || this.window <= 0) return;
      // One whose window is used up comes back with `resume`: a thousand slow readers must not be asked for each frame.
      if (stream.sendWindow <= 0) this.#waiting.delete(stream);
      else if (this.#sendFrame(stream) && this.#waiting.delete(stream)) this.#waiting.add(stream);
    }
  }

  /** A stream's window has grown: what it has queued may go on. Call `pump` afterwards. */
  resume(stream: Http2Stream): void {
    if (stream.queue !== undefined) this.#waiting.add(stream);
  }

  /** Drops what waits for a stream that is over. */
  forget(stream: Http2Stream): void {
    if (stream.queue === undefined) return;
    this.#waiting.delete(stream);
    stream.queue = undefined;
    stream.queuedBytes = 0;
    stream.trailersQueued = undefined;
  }

  /** True when data waits that the next flush of the socket makes room for. */
  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Uses up one expected frame of feedback; false when none is due. */
  spendFeedbackCredit(): boolean {
    if (this.#feedbackCredit === 0) return false;
    this.#feedbackCredit--;
    return true;
  }

  /** Grants more connection window; false when it would overflow. */
  grant(bytes: number): boolean {
    this.window += bytes;
    return this.window <= MAX_WINDOW;
  }

  /** Takes what was sent from the windows. */
  #account(stream: Http2Stream, total: number, endStream: boolean): void {
    stream.sendWindow -= total;
    this.window -= total;
    this.#feedbackCredit += 2;
    if (endStream) this.#events.onSent(stream);
  }

  #enqueueMessage(stream: Http2Stream, flag: number, payload: Uint8Array, endStream: boolean): void {
    const prefix = new Uint8Array(ENVELOPE_BYTES);
    writeEnvelopePrefix(prefix, 0, flag, payload.length);
    this.#enqueue(stream, prefix);
    if (payload.length > 0) this.#enqueue(stream, payload);
    stream.endQueued = endStream;
    this.pump();
  }

  /** Whether it can go out at once; the output buffer then holds `outBytes` before it. */
  #fits(stream: Http2Stream, total: number, outBytes: number): boolean {
    return (
      total <= stream.sendWindow &&
      total <= this.window &&
      total <= this.maxFrameBytes &&
      stream.queue === undefined &&
      !this.corked &&
      outBytes < OUTPUT_HIGH_WATER_BYTES
    );
  }

  #enqueue(stream: Http2Stream, chunk: Uint8Array): void {
    if (stream.queue === undefined) {
      stream.queue = [];
      stream.queueOffset = 0;
      this.#waiting.add(stream);
    }
    stream.queue.push(chunk);
    stream.queuedBytes += chunk.length;
  }

  /** Sends one frame of a waiting stream, gathered from as many chunks as fit; false when it must go on waiting. */
  #sendFrame(stream: Http2Stream): boolean {
    const { queue } = stream;
    if (queue === undefined) return false;
    const budget = Math.min(stream.sendWindow, this.window, this.maxFrameBytes);
    if (budget <= 0) return false;
    const length = Math.min(budget, stream.queuedBytes);
    const last = length === stream.queuedBytes;
    const withEnd = last && stream.endQueued && stream.trailersQueued === undefined;
    this.#writeGathered(stream, queue, length, withEnd);
    this.#feedbackCredit += 2;
    stream.sendWindow -= length;
    this.window -= length;
    stream.queuedBytes -= length;
    if (last) this.#drained(stream, withEnd);
    else if (stream.queuedBytes < QUEUE_LOW_WATER_BYTES) this.#events.onWritable(stream);
    return true;
  }

  #writeGathered(stream: Http2Stream, queue: Uint8Array[], length: number, endStream: boolean): void {
    const out = this.#out;
    writeFrameHeader(out, length, FRAME_DATA, endStream ? FLAG_END_STREAM : 0, stream.id);
    let missing = length;
    while (missing > 0) {
      const chunk = queue[0] as Uint8Array;
      const take = Math.min(missing, chunk.length - stream.queueOffset);
      out.write(chunk.subarray(stream.queueOffset, stream.queueOffset + take));
      missing -= take;
      stream.queueOffset += take;
      if (stream.queueOffset === chunk.length) {
        queue.shift();
        stream.queueOffset = 0;
      }
    }
  }

  #drained(stream: Http2Stream, ended: boolean): void {
    const trailers = stream.trailersQueued;
    this.#waiting.delete(stream);
    stream.queue = undefined;
    stream.trailersQueued = undefined;
    if (trailers !== undefined) trailers();
    else if (ended) this.#events.onSent(stream);
    else this.#events.onWritable(stream);
  }
}
