/**
 * Which protocol a client speaks, told by the first bytes that it sends. Pure: bytes in, decision out.
 *
 * - TLS opens with a handshake record (RFC 8446 §5.1): type 22, then the version, whose first byte is 3.
 * - HTTP/2 opens with a fixed preface (RFC 9113 §3.4). No method of HTTP/1 is called `PRI`, by design.
 * - HTTP/1 opens with a method, which in all that are registered is a word of capital letters.
 */
export type Sniffed = "tls" | "http2" | "http1" | "unknown";

/** Undefined while more bytes are needed, which is at most `SNIFF_BYTES`. */
export function sniff(bytes: Uint8Array): Sniffed | undefined {
  const first = bytes[0];
  if (first === undefined) return undefined;
  if (first === TLS_HANDSHAKE) {
    if (bytes[1] === undefined) return undefined;
    return bytes[1] === TLS_MAJOR ? "tls" : "unknown";
  }
  if (first < CAPITAL_A || first > CAPITAL_Z) return "unknown";
  for (let i = 0; i < HTTP2_WORD.length; i++) {
    if (bytes[i] === undefined) return undefined;
    if (bytes[i] !== HTTP2_WORD.charCodeAt(i)) return "http1";
  }
  return "http2";
}

/** So many bytes always decide. */
export const SNIFF_BYTES = 4;

const TLS_HANDSHAKE = 22;
const TLS_MAJOR = 3;
const CAPITAL_A = 0x41;
const CAPITAL_Z = 0x5a;
const HTTP2_WORD = "PRI ";
