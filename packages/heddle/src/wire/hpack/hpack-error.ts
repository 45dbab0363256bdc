/**
 * The only error a header block can cause.
 *
 * `compression`: the two sides no longer agree about the dynamic table, or the peer is hostile. The whole
 * connection must close (COMPRESSION_ERROR, RFC 9113 §4.3).
 * `list-too-large`: the block was well formed and the table has taken all of it in; only the stream that
 * carried it must be refused.
 */
export class HpackError extends Error {
  readonly reason: "compression" | "list-too-large";

  constructor(reason: "compression" | "list-too-large", message: string) {
    super(message);
    this.name = "HpackError";
    this.reason = reason;
  }
}

/** Raises the fatal kind. Outlined so that the decoding loops stay small. */
export function failCompression(message: string): never {
  throw new HpackError("compression", message);
}
