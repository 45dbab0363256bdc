/**
 * `grpc-message`: the error text on the wire, percent-encoded UTF-8.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("Status-Message").
 */

/** Longest value that is sent, in octets as they travel; a stack trace has no business in a trailer. */
const MAX_LENGTH = 4096;

/** Printable ASCII. A text that is too long is cut between characters. */
export function encodeGrpcMessage(text: string): string {
  if (SAFE.test(text) && text.length <= MAX_LENGTH) return text;
  const encoder = new TextEncoder();
  let encoded = "";
  let at = 0;
  for (const character of text) {
    const isEdge = at === 0 || at + character.length === text.length;
    const piece =
      SAFE.test(character) || (character === " " && !isEdge)
        ? character
        : percentEncode(encoder.encode(character));
    if (encoded.length + piece.length > MAX_LENGTH) return encoded.trimEnd();
    encoded += piece;
    at += character.length;
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
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
}

function percentEncode(bytes: Uint8Array): string {
  let encoded = "";
  for (const byte of bytes) encoded += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return encoded;
}

/** A field value must not begin or end with a space (RFC 9113 §8.2.1), so such a text is not safe as a whole. */
const SAFE = /^(?! )[\x20-\x24\x26-\x7e]*(?<! )$/;
