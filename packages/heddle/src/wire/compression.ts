/**
 * Message compression of gRPC: gzip and identity.
 *
 * Synchronous on purpose: messages are small, and a thread-pool hop costs more than the work. A compressed
 * message is expanded only up to the message limit, so a small bomb stays small.
 */
import { gunzipSync, gzipSync } from "node:zlib";
import { HeddleError } from "../call/errors.ts";

/** What we understand, as `grpc-accept-encoding`. */
export const ACCEPTED_ENCODINGS = "gzip,identity";

export function isSupportedEncoding(encoding: string): boolean {
  return encoding === "gzip" || encoding === "identity" || encoding === "";
}

export function compressGzip(payload: Uint8Array): Uint8Array {
  return gzipSync(payload, { level: 1 });
}

/** Throws `messageTooLarge` when the expanded message is over `maxBytes`, zlib's error when the data is damaged. */
export function decompressGzip(payload: Uint8Array, maxBytes: number): Uint8Array {
  try {
    const { buffer, byteOffset, length } = gunzipSync(payload, { maxOutputLength: Math.max(1, maxBytes) });
    // Fields of bytes are views of the message, and a plain Uint8Array is what protobuf-es promises there.
    return new Uint8Array(buffer, byteOffset, length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE") throw error;
    throw new HeddleError(
      "messageTooLarge",
      { bytes: `over ${maxBytes}`, limit: maxBytes, direction: "received, expanded" },
      { cause: error },
    );
  }
}
