/**
 * SETTINGS (RFC 9113 §6.5): what the peer allows us.
 */
import type { Http2Connection } from "./connection.ts";
import {
  DEFAULT_MAX_FRAME_BYTES,
  ENHANCE_YOUR_CALM,
  FLAG_ACK,
  MAX_WINDOW,
  SETTINGS_ENABLE_PUSH,
  SETTINGS_HEADER_TABLE_SIZE,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_LOAD,
  SETTINGS_MAX_CONCURRENT_STREAMS,
  SETTINGS_MAX_FRAME_SIZE,
  SETTINGS_PING_INTERVAL,
} from "./constants.ts";
import { readUint32 } from "./frame-reader.ts";
import { writeSettingsAck } from "./frame-writer.ts";

const MAX_FRAME_BYTES_ALLOWED = 16_777_215;

/** Entries of one SETTINGS frame; there are six settings, and each may cost work on every stream. */
const MAX_ENTRIES = 32;

export function receiveSettings(
  connection: Http2Connection,
  flags: number,
  id: number,
  bytes: Uint8Array,
  start: number,
  length: number,
): void {
  if (id !== 0) return connection.protocolError("SETTINGS on a stream");
  if ((flags & FLAG_ACK) !== 0) {
    if (length !== 0) connection.frameSizeError("SETTINGS acknowledgement with content");
    else if (!connection.settingsReceived)
      connection.protocolError("SETTINGS acknowledgement before SETTINGS");
    else connection.allows("noise");
    return;
  }
  if (length % 6 !== 0) return connection.frameSizeError("SETTINGS is a multiple of 6 bytes");
  if (length > MAX_ENTRIES * 6) {
    connection.fail(ENHANCE_YOUR_CALM, "flood", {
      kind: "settings",
      limit: `${MAX_ENTRIES} entries a frame`,
    });
    return;
  }
  if (!connection.allows("settings") || !connection.allowsAnswer()) return;
  if (!connection.settingsReceived) connection.peerMaxConcurrentStreams = MAX_WINDOW;
  for (let at = start; at < start + length; at += 6) {
    const setting = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    applySetting(connection, setting, readUint32(bytes, at + 2));
    if (connection.closed) return;
  }
  connection.settingsReceived = true;
  writeSettingsAck(connection.out);
  connection.sender.pump();
  connection.events.onSettings();
}

function applySetting(connection: Http2Connection, setting: number, value: number): void {
  switch (setting) {
    case SETTINGS_HEADER_TABLE_SIZE:
      connection.encoder.setPeerTableBytes(value);
      return;
    case SETTINGS_ENABLE_PUSH:
      if (value > 1 || (value === 1 && connection.role === "client"))
        connection.protocolError(`ENABLE_PUSH of ${value}`);
      return;
    case SETTINGS_MAX_CONCURRENT_STREAMS:
      connection.peerMaxConcurrentStreams = value;
      return;
    case SETTINGS_INITIAL_WINDOW_SIZE:
      if (value > MAX_WINDOW) connection.flowControlError("INITIAL_WINDOW_SIZE over 2^31-1");
      else applyInitialWindow(connection, value);
      return;
    case SETTINGS_MAX_FRAME_SIZE:
      if (value < DEFAULT_MAX_FRAME_BYTES || value > MAX_FRAME_BYTES_ALLOWED)
        connection.protocolError(`MAX_FRAME_SIZE of ${value}`);
      else connection.sender.maxFrameBytes = Math.min(value, connection.limits.maxFrameBytes);
      return;
    case SETTINGS_PING_INTERVAL:
      connection.peerPingIntervalMs = value;
      return;
    case SETTINGS_LOAD:
      connection.peerSpeaksLoad = value === 1;
      return;
    default:
    // MAX_HEADER_LIST_SIZE is advice, unknown settings are ignored (§6.5.2).
  }
}

/** A changed initial window moves the window of every open stream by the difference (§6.9.2). */
function applyInitialWindow(connection: Http2Connection, value: number): void {
  const difference = value - connection.peerInitialWindow;
  connection.peerInitialWindow = value;
  for (const stream of connection.streams.values()) {
    if (!stream.grant(difference)) return connection.flowControlError("stream window over 2^31-1");
    connection.sender.resume(stream);
  }
}
