/**
 * What each kind of frame does to a connection (RFC 9113 §6), one function a kind.
 *
 * Every check that an attack has taught stands here, next to the frame it guards; the numbers are in
 * `limits.ts`.
 */
import type { Http2Connection } from "./connection.ts";
import {
  FLAG_ACK,
  FLAG_END_STREAM,
  FLAG_PADDED,
  FLOW_CONTROL_ERROR,
  FRAME_CONTINUATION,
  FRAME_DATA,
  FRAME_GOAWAY,
  FRAME_HEADERS,
  FRAME_LOAD,
  FRAME_PING,
  FRAME_PRIORITY,
  FRAME_PUSH_PROMISE,
  FRAME_RST_STREAM,
  FRAME_SETTINGS,
  FRAME_SIZE_ERROR,
  FRAME_WINDOW_UPDATE,
  NO_ERROR,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  STREAM_CLOSED,
} from "./constants.ts";
import { readUint31, readUint32 } from "./frame-reader.ts";
import { writePing } from "./frame-writer.ts";
import { LOAD_BYTES, readLoadReport } from "./load-frame.ts";
import { receiveHeaderFragment, receiveHeaders } from "./receive-headers.ts";
import { receiveSettings } from "./receive-settings.ts";

export function receiveFrame(
  connection: Http2Connection,
  type: number,
  flags: number,
  id: number,
  bytes: Uint8Array,
  start: number,
  length: number,
): void {
  if (connection.headers.isOpen && (type !== FRAME_CONTINUATION || id !== connection.headers.streamId)) {
    return connection.protocolError(
      `frame of type ${type} inside the header block of stream ${connection.headers.streamId}`,
    );
  }
  if (!connection.settingsReceived && type !== FRAME_SETTINGS) {
    return connection.protocolError(`frame of type ${type} before SETTINGS`);
  }
  switch (type) {
    case FRAME_DATA:
      return receiveData(connection, flags, id, bytes, start, length);
    case FRAME_HEADERS:
      return receiveHeaders(connection, flags, id, bytes, start, length);
    case FRAME_PRIORITY:
      return receivePriority(connection, id, bytes, start, length);
    case FRAME_RST_STREAM:
      return receiveReset(connection, id, bytes, start, length);
    case FRAME_SETTINGS:
      return receiveSettings(connection, flags, id, bytes, start, length);
    case FRAME_PUSH_PROMISE:
      return connection.protocolError("PUSH_PROMISE, which is switched off");
    case FRAME_PING:
      return receivePing(connection, flags, id, bytes, start, length);
    case FRAME_GOAWAY:
      return receiveGoaway(connection, id, bytes, start, length);
    case FRAME_WINDOW_UPDATE:
      return receiveWindowUpdate(connection, id, bytes, start, length);
    case FRAME_CONTINUATION:
      return receiveHeaderFragment(connection, flags, id, bytes, start, length);
    case FRAME_LOAD:
      return receiveLoad(connection, flags, id, bytes, start, length);
    default:
      // Unknown frames are ignored (§4.1), but not without end.
      connection.allows("noise");
  }
}

/** Read only from those who have announced it, so that it stays an unknown frame to all others. */
function receiveLoad(
  connection: Http2Connection,
  flags: number,
  id: number,
  bytes: Uint8Array,
  start: number,
  length: number,
): void {
  const isProbe = connection.role === "server";
  if (!connection.peerSpeaksLoad || id !== 0 || length !== (isProbe ? 0 : LOAD_BYTES))
    return void connection.allows("noise");
  // Beyond what an honest client asks there is no answer, which costs nothing and tells it enough.
  if (connection.guards.loadFrames.hit(connection.nowMs)) return;
  if (isProbe) {
    if (connection.allowsAnswer()) connection.events.onLoadProbe();
    return;
  }
  const load = readLoadReport(bytes, start);
  const probed = (flags & FLAG_ACK) !== 0;
  // An answer that nobody asked for would count in the place of those that others were asked for.
  if (load === undefined || (probed && connection.probesOpen === 0)) return void connection.allows("noise");
  if (probed) connection.probesOpen--;
  connection.events.onLoadReport(load, probed);
}

function receiveData(
  connection: Http2Connection,
  flags: number,
  id: number,
  bytes: Uint8Array,
  start: number,
  length: number,
): void {
  if (id === 0) return connection.protocolError("DATA on stream 0");
  let from = start;
  let to = start + length;
  if ((flags & FLAG_PADDED) !== 0) {
    if (length === 0) return connection.frameSizeError("padded DATA without a pad length");
    const padding = bytes[from] as number;
    if (padding >= length) return connection.protocolError("padding longer than its frame");
    from += 1;
    to -= padding;
  }
  if (!connection.receiver.receive(length))
    return connection.flowControlError("more data than the connection window");
  if (connection.receiver.wantsMeasurement) connection.measure();
  connection.dataAtMs = connection.nowMs;
  const endStream = (flags & FLAG_END_STREAM) !== 0;
  const dataBytes = to - from;
  const stream = connection.streams.get(id);
  if (dataBytes === 0 && !endStream) {
    // One for each stream is free: some implementations send it before trailers.
    if (stream?.emptyDataSeen === false) stream.emptyDataSeen = true;
    else if (!connection.allows("emptyFrames")) return;
  }
  if (stream === undefined || stream.remoteClosed) {
    if (connection.ignores(id)) return;
    if (connection.isIdle(id)) return connection.protocolError(`DATA on idle stream ${id}`);
    if (stream !== undefined) connection.streamError(stream, STREAM_CLOSED);
    else connection.resetId(id, STREAM_CLOSED);
    return;
  }
  if (!stream.headersReceived) return connection.streamError(stream, PROTOCOL_ERROR);
  if (!connection.receiver.receiveOn(stream, dataBytes, length - dataBytes)) {
    return connection.streamError(stream, FLOW_CONTROL_ERROR);
  }
  if (!stream.acceptsContent(dataBytes, endStream)) return connection.streamError(stream, PROTOCOL_ERROR);
  // The stream closes first: its owner may answer, and so end it, inside the event.
  if (endStream) stream.remoteClosed = true;
  connection.events.onData(stream, bytes, from, to, endStream);
  if (endStream && stream.localClosed) connection.forget(stream);
}

function receivePriority(
  connection: Http2Connection,
  id: number,
  bytes: Uint8Array,
  start: number,
  length: number,
): void {
  if (id === 0) return connection.protocolError("PRIORITY on stream 0");
  if (!connection.allows("noise")) return;
  const stream = connection.streams.get(id);
  if (length === 5 && readUint31(bytes, start) !== id) return;
  if (stream !== undefined)
    return connection.streamError(stream, length === 5 ? PROTOCOL_ERROR : FRAME_SIZE_ERROR);
  // A stream that does not exist cannot be reset.
  if (length !== 5) return connection.frameSizeError("PRIORITY is 5 bytes");
  connection.protocolError(`stream ${id} depends on itself`);
}

function receiveReset(
  connection: Http2Connection,
  id: number,
  bytes: Uint8Array,
  start: number,
  length: number,
): void {
  if (length !== 4) return connection.frameSizeError("RST_STREAM is 4 bytes");
  if (id === 0) return connection.protocolError("RST_STREAM on stream 0");
  if (connection.isIdle(id)) return connection.protocolError(`RST_STREAM on idle stream ${id}`);
  // Only a client can attack with resets: a server resets what the client began.
  if (connection.role === "server" && !connection.allows("resets")) return;
  const stream = connection.streams.get(id);
  if (stream === undefined) {
    if (connection.role === "client") connection.allows("noise");
    return;
  }
  const code = readUint32(bytes, start);
  connection.forget(stream);
  connection.events.onReset(stream, code, code === REFUSED_STREAM);
}

function receivePing(
  connection: Http2Connection,
  flags: number,
  id: number,
  bytes: Uint8Array,
  start: number,
  length: number,
): void {
  if (length !== 8) return connection.frameSizeError("PING is 8 bytes");
  if (id !== 0) return connection.protocolError("PING on a stream");
  if ((flags & FLAG_ACK) !== 0) {
    if (connection.pongsDue > 0) connection.pongsDue--;
    else if (!connection.allows("noise")) return;
    return connection.receivePong(bytes.subarray(start, start + 8));
  }
  if (!connection.allowsFeedback("pings") || !connection.allowsAnswer()) return;
  writePing(connection.out, bytes.subarray(start, start + 8), true);
}

function receiveGoaway(
  connection: Http2Connection,
  id: number,
  bytes: Uint8Array,
  start: number,
  length: number,
): void {
  if (length < 8) return connection.frameSizeError("GOAWAY is at least 8 bytes");
  if (id !== 0) return connection.protocolError("GOAWAY on a stream");
  if (!connection.allows("noise")) return;
  const lastStreamId = readUint31(bytes, start);
  const code = readUint32(bytes, start + 4);
  connection.peerGoing = true;
  const ours = connection.role === "client" ? 1 : 0;
  for (const stream of connection.streams.values()) {
    if (stream.id <= lastStreamId || stream.id % 2 !== ours) continue;
    connection.forget(stream);
    connection.events.onReset(stream, code === NO_ERROR ? REFUSED_STREAM : code, true);
  }
  let debug = "";
  for (let at = start + 8; at < start + Math.min(length, 136); at++) {
    const byte = bytes[at] as number;
    debug += byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".";
  }
  connection.events.onGoaway(lastStreamId, code, debug);
}

function receiveWindowUpdate(
  connection: Http2Connection,
  id: number,
  bytes: Uint8Array,
  start: number,
  length: number,
): void {
  if (length !== 4) return connection.frameSizeError("WINDOW_UPDATE is 4 bytes");
  const increment = readUint31(bytes, start);
  if (id === 0) {
    if (increment === 0) return connection.protocolError("WINDOW_UPDATE of 0");
    if (!connection.allowsFeedback("noise")) return;
    if (!connection.sender.grant(increment))
      return connection.flowControlError("connection window over 2^31-1");
    return connection.sender.pump();
  }
  const stream = connection.streams.get(id);
  if (stream === undefined) {
    if (connection.isIdle(id)) return connection.protocolError(`WINDOW_UPDATE on idle stream ${id}`);
    connection.allowsFeedback("noise");
    return;
  }
  if (increment === 0) return connection.streamError(stream, PROTOCOL_ERROR);
  if (!connection.allowsFeedback("noise")) return;
  if (!stream.grant(increment)) return connection.streamError(stream, FLOW_CONTROL_ERROR);
  if (stream.queue === undefined) return;
  connection.sender.resume(stream);
  connection.sender.pump();
}
