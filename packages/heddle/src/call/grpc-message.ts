/**
 * `grpc-message`: the error text on the wire, percent-encoded UTF-8.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("Status-Message").
 */

/** Longest text that is sent, in characters; a stack trace has no business in a trailer. */
const MAX_LENGTH = 4096;

export function encodeGrpcMessage(text: string): string {
  if (SAFE.test(text) && text.length <= MAX_LENGTH) return text;
  let encoded = "";
  for (const byte of new TextEncoder().encode(text.slice(0, MAX_LENGTH))) {
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** Never throws: what is not valid percent-encoding stays as it is. */
export function decodeGrpcMessage(encoded: string): string {
  if (!encoded.includes("%")) return encoded;
  const bytes: number[] = [];
  for (let i = 0; i < encoded.length; i++) {
    const hex = encoded.charCodeAt(i) === 0x25 ? encoded.slice(i + 1, i + 3) : "";
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      i += 2;
    } else {
      bytes.push(encoded.charCodeAt(i) & 0xff);
    }
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

const SAFE = /^[\x20-\x24\x26-\x7e]*$/;
