/**
 * Envelopes for bodies that are no stream of HTTP/2, which writes its own in place (`http2/frame-writer.ts`).
 */
import { ENVELOPE_BYTES } from "./envelope-reader.ts";

/** One envelope in an array of its own: flag, length and payload. */
export function writeEnvelope(flag: number, payload: Uint8Array): Uint8Array {
  const envelope = new Uint8Array(ENVELOPE_BYTES + payload.length);
  envelope.set(envelopePrefix(flag, payload.length));
  envelope.set(payload, ENVELOPE_BYTES);
  return envelope;
}

/** What stands before a payload of `length` bytes. */
export function envelopePrefix(flag: number, length: number): Uint8Array {
  return Uint8Array.of(flag, length >>> 24, length >>> 16, length >>> 8, length);
}
