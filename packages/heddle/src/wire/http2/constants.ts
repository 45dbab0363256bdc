/**
 * The numbers of HTTP/2 (RFC 9113): frame types, flags, error codes, settings.
 */

export const FRAME_HEADER_BYTES = 9;
export const MAX_WINDOW = 0x7fffffff;
export const DEFAULT_WINDOW = 65_535;
export const DEFAULT_MAX_FRAME_BYTES = 16_384;

/** What a client sends first (§3.4). */
export const CLIENT_PREFACE = Uint8Array.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (c) => c.charCodeAt(0));

/** Frame types (§6). */
export const FRAME_DATA = 0;
export const FRAME_HEADERS = 1;
export const FRAME_PRIORITY = 2;
export const FRAME_RST_STREAM = 3;
export const FRAME_SETTINGS = 4;
export const FRAME_PUSH_PROMISE = 5;
export const FRAME_PING = 6;
export const FRAME_GOAWAY = 7;
export const FRAME_WINDOW_UPDATE = 8;
export const FRAME_CONTINUATION = 9;
/** Heddle's own, from the range for experiments (§11.2 of RFC 7540); see `load-frame.ts`. */
export const FRAME_LOAD = 0xf4;

export const FLAG_ACK = 0x1;
export const FLAG_END_STREAM = 0x1;
export const FLAG_END_HEADERS = 0x4;
export const FLAG_PADDED = 0x8;
export const FLAG_PRIORITY = 0x20;

/** Error codes (§7). */
export const NO_ERROR = 0;
export const PROTOCOL_ERROR = 1;
export const FLOW_CONTROL_ERROR = 3;
export const SETTINGS_TIMEOUT = 4;
export const STREAM_CLOSED = 5;
export const FRAME_SIZE_ERROR = 6;
export const REFUSED_STREAM = 7;
export const CANCEL = 8;
export const COMPRESSION_ERROR = 9;
export const ENHANCE_YOUR_CALM = 11;
export const INADEQUATE_SECURITY = 12;

/** The name of an HTTP/2 error code, for texts. */
export function http2ErrorName(code: number): string {
  return ERROR_NAMES[code] ?? `error ${code}`;
}

/** Settings (§6.5.2). */
export const SETTINGS_HEADER_TABLE_SIZE = 1;
export const SETTINGS_ENABLE_PUSH = 2;
export const SETTINGS_MAX_CONCURRENT_STREAMS = 3;
export const SETTINGS_INITIAL_WINDOW_SIZE = 4;
export const SETTINGS_MAX_FRAME_SIZE = 5;
export const SETTINGS_MAX_HEADER_LIST_SIZE = 6;
/**
 * Heddle's own, from the range for experiments (§11.2 of RFC 7540): the distance of PINGs that the sender puts up
 * with, in ms. Without it a client assumes what gRPC's servers permit, 5 minutes.
 */
export const SETTINGS_PING_INTERVAL = 0xf0_48;
/** Heddle's own: a client that reads load reports, or a server that answers load probes, says 1. See `load-frame.ts`. */
export const SETTINGS_LOAD = 0xf0_49;

/** Content of the PING with which the machine measures the link; see `bandwidth.ts`. */
export const WINDOW_PING = Uint8Array.from("hdlwindw", (c) => c.charCodeAt(0));

const ERROR_NAMES: readonly string[] = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];
