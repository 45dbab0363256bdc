import { ENVELOPE_BYTES } from "./envelope-reader.ts";

/** One envelope in an array of its own: flag, length and payload. */
export function writeEnvelope(flag: number, payload: Uint8Array): Uint8Array {
  const envelope = new Uint8Array(ENVELOPE_BYTES + payload.length);
  envelope[0] = flag;
  new DataView(envelope.buffer).setUint32(1, payload.length);
  envelope.set(payload, ENVELOPE_BYTES);
  return envelope;
}
