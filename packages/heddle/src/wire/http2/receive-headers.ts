/**
 * HEADERS and CONTINUATION (RFC 9113 §6.2, §6.10, §8.1): from fragments to a decoded header block, and to
 * the stream it belongs to.
 *
 * A block is always decoded, also when its stream is refused or gone: the compression state is shared by
 * the whole connection and must not fall behind.
 */
import type { HeaderBlock } from "../hpack/header-block.ts";
import { HpackError } from "../hpack/hpack-error.ts";
import type { Http2Connection } from "./connection.ts";
import {
  ENHANCE_YOUR_CALM,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FLAG_PADDED,
  FLAG_PRIORITY,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  STREAM_CLOSED,
} from "./constants.ts";
import { readUint31 } from "./frame-reader.ts";
import type { Http2Stream } from "./stream.ts";

/** What a header block came to; a number is the error code with which its stream is to be reset. */
type Verdict = HeaderBlock | number;

/** A header block that has begun and waits for CONTINUATION frames. */
export class OpenHeaderBlock {
  isOpen = false;
  streamId = 0;
  endStream = false;
  #fragments: Uint8Array[] = [];
  #bytes = 0;

  begin(streamId: number, endStream: boolean, fragment: Uint8Array): void {
    this.isOpen = true;
    this.streamId = streamId;
    this.endStream = endStream;
    this.#fragments = [fragment];
    this.#bytes = fragment.length;
  }

  add(fragment: Uint8Array): void {
    this.#fragments.push(fragment);
    this.#bytes += fragment.length;
  }

  /** CONTINUATION frames so far. */
  get continuations(): number {
    return this.#fragments.length - 1;
  }

  get byteLength(): number {
    return this.#bytes;
  }

  /** The whole block; closes it. */
  finish(): Uint8Array {
    const whole = new Uint8Array(this.#bytes);
    let at = 0;
    for (const fragment of this.#fragments) {
      whole.set(fragment, at);
      at += fragment.length;
    }
    this.isOpen = false;
    this.#fragments = [];
    this.#bytes = 0;
    return whole;
  }
}

export function receiveHeaders(
  connection: Http2Connection,
  flags: number,
  id: number,
  bytes: Uint8Array,
  start: number,
  length: number,
): void {
  if (id === 0) return connection.protocolError("HEADERS on stream 0");
  let from = start;
  let to = start + length;
  const prefixBytes = ((flags & FLAG_PADDED) !== 0 ? 1 : 0) + ((flags & FLAG_PRIORITY) !== 0 ? 5 : 0);
  if (prefixBytes > length) return connection.frameSizeError("HEADERS too short for its flags");
  if ((flags & FLAG_PADDED) !== 0) to -= bytes[from++] as number;
  let dependsOn = -1;
  if ((flags & FLAG_PRIORITY) !== 0) {
    dependsOn = readUint31(bytes, from);
    from += 5;
  }
  if (from > to) return connection.protocolError("padding longer than its frame");
  const endStream = (flags & FLAG_END_STREAM) !== 0;
  if ((flags & FLAG_END_HEADERS) === 0) {
    connection.headers.begin(id, endStream, bytes.subarray(from, to));
    return;
  }
  const block = decodeBlock(connection, bytes, from, to);
  if (block === undefined) return;
  deliverBlock(connection, id, dependsOn === id ? PROTOCOL_ERROR : block, endStream);
}

export function receiveHeaderFragment(
  connection: Http2Connection,
  flags: number,
  id: number,
  bytes: Uint8Array,
  start: number,
  length: number,
): void {
  const { headers, limits } = connection;
  if (!headers.isOpen) return connection.protocolError(`CONTINUATION without HEADERS on stream ${id}`);
  headers.add(bytes.subarray(start, start + length));
  if (
    headers.continuations > limits.maxContinuationFrames ||
    headers.byteLength > limits.maxHeaderListBytes
  ) {
    connection.fail(ENHANCE_YOUR_CALM, "flood", {
      kind: "CONTINUATION frames",
      limit: `${limits.maxContinuationFrames} frames or ${limits.maxHeaderListBytes} bytes a block`,
    });
    return;
  }
  if ((flags & FLAG_END_HEADERS) === 0) return;
  const { streamId, endStream } = headers;
  const whole = headers.finish();
  const block = decodeBlock(connection, whole, 0, whole.length);
  if (block !== undefined) deliverBlock(connection, streamId, block, endStream);
}

/** Undefined when the connection has failed. */
function decodeBlock(
  connection: Http2Connection,
  bytes: Uint8Array,
  from: number,
  to: number,
): Verdict | undefined {
  try {
    return connection.decoder.decode(bytes, from, to);
  } catch (error) {
    if (!(error instanceof HpackError)) throw error;
    if (error.reason === "list-too-large") return ENHANCE_YOUR_CALM;
    connection.compressionError(error.message);
    return undefined;
  }
}

function deliverBlock(connection: Http2Connection, id: number, block: Verdict, endStream: boolean): void {
  const known = connection.streams.get(id);
  if (known !== undefined) return deliverToStream(connection, known, block, endStream);
  if (connection.ignores(id)) return;
  if (connection.role === "client") {
    if (connection.isIdle(id)) connection.protocolError(`HEADERS on idle stream ${id}`);
    else connection.resetId(id, STREAM_CLOSED);
    return;
  }
  if (id % 2 === 0) return connection.protocolError(`client opened even stream ${id}`);
  if (id <= connection.lastPeerStreamId) {
    return connection.fail(STREAM_CLOSED, "protocolError", { reason: `HEADERS on closed stream ${id}` });
  }
  connection.lastPeerStreamId = id;
  if (connection.draining) return;
  if (typeof block !== "number" && block.fields.length === 0 && !connection.allows("emptyFrames")) return;
  // A peer that does not read its answers gets no more of them to not read.
  if (connection.streams.size >= connection.limits.maxConcurrentStreams || !connection.hasControlRoom) {
    return connection.resetId(id, REFUSED_STREAM);
  }
  deliverToStream(connection, connection.acceptStream(id), block, endStream);
}

function deliverToStream(
  connection: Http2Connection,
  stream: Http2Stream,
  block: Verdict,
  endStream: boolean,
): void {
  if (stream.remoteClosed) return connection.streamError(stream, STREAM_CLOSED);
  if (typeof block === "number") return connection.streamError(stream, block);
  const trailers = stream.headersReceived;
  // A second block that does not end the stream is malformed (§8.1).
  if (trailers && !(endStream && stream.acceptsContent(0, true)))
    return connection.streamError(stream, PROTOCOL_ERROR);
  if (!trailers && connection.role === "client" && isInterim(block)) {
    if (endStream) connection.streamError(stream, PROTOCOL_ERROR);
    else connection.allows("noise");
    return;
  }
  connection.dataAtMs = connection.nowMs;
  stream.headersReceived = true;
  if (endStream) stream.remoteClosed = true;
  connection.events.onHeaders(stream, block, endStream, trailers);
  if (endStream && stream.localClosed) connection.forget(stream);
}

/** 1xx responses come before the real head and carry nothing for us. */
function isInterim(block: HeaderBlock): boolean {
  return block.fields[0] === ":status" && INTERIM.test(block.fields[1] ?? "");
}

/** Any 1xx but 101, which HTTP/2 has no use for (§8.6). */
const INTERIM = /^1(?:0[02-9]|[1-9][0-9])$/;
