/**
 * Which protocol a client speaks, told by the first bytes that it sends. Pure: bytes in, decision out.
 *
 * - TLS opens with a handshake record (RFC 8446 §5.1): type 22, then the version, whose first byte is 3.
 * - HTTP/2 opens with a fixed preface (RFC 9113 §3.4), which begins with a method that HTTP/1 will never have.
 * - HTTP/1 opens with a method and a space. Only the methods of RFC 9110 §9.3 and PATCH count: what begins with
 *   another word may be a broken preface, and an answer in HTTP/1 would read as a frame there.
 */
export type Sniffed = "tls" | "http2" | "http1" | "unknown";

/** Undefined while more bytes are needed, which is at most `SNIFF_BYTES`. */
export function sniff(bytes: Uint8Array): Sniffed | undefined {
  if (bytes[0] === TLS_HANDSHAKE) {
    if (bytes[1] === undefined) return undefined;
    return bytes[1] === TLS_MAJOR ? "tls" : "unknown";
  }
  let undecided = false;
  for (const [word, protocol] of WORDS) {
    if (!agrees(bytes, word)) continue;
    if (bytes.length >= word.length) return protocol;
    undecided = true;
  }
  return undecided ? undefined : "unknown";
}

/** The same as far as both go. */
function agrees(bytes: Uint8Array, word: string): boolean {
  const length = Math.min(bytes.length, word.length);
  for (let i = 0; i < length; i++) if (bytes[i] !== word.charCodeAt(i)) return false;
  return true;
}

const TLS_HANDSHAKE = 22;
const TLS_MAJOR = 3;
const HTTP1_METHODS = ["POST", "GET", "OPTIONS", "HEAD", "PUT", "DELETE", "CONNECT", "TRACE", "PATCH"];
const WORDS: readonly (readonly [word: string, protocol: Sniffed])[] = [
  ["PRI ", "http2"],
  ...HTTP1_METHODS.map((method) => [`${method} `, "http1"] as const),
];

/** So many bytes always decide. */
export const SNIFF_BYTES = Math.max(...WORDS.map(([word]) => word.length));
