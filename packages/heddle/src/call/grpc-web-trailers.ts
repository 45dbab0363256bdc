/**
 * The last envelope of a gRPC-Web answer: the trailers that browsers do not show, as lines of text.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md ("Message framing").
 */
import { type Fields, isFieldName, isFieldValue } from "./metadata.ts";

/** Flag of the envelope that carries trailers; the flag of compression may be set beside it. */
export const FLAG_TRAILERS = 0x80;

/** The payload of the envelope. Names are lower-case, values without line breaks, as `toFields` gives them. */
export function encodeGrpcWebTrailers(trailers: Fields): Uint8Array {
  let text = "";
  for (let i = 0; i < trailers.length; i += 2) text += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/**
 * Names come back lower-case, whatever they were; values with one octet per character, as HTTP/2 has them, for
 * `Headers` takes no others. Undefined when a line is no field.
 */
export function decodeGrpcWebTrailers(payload: Uint8Array): Fields | undefined {
  const fields: string[] = [];
  for (const line of latin1(payload).split(/\r?\n/)) {
    if (line === "") continue;
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (!isFieldName(name) || !isFieldValue(value)) return undefined;
    fields.push(name, value);
  }
  return fields;
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
