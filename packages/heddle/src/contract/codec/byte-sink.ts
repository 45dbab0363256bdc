/** Where encoders append. `wire/byte-writer.ts` is one. */
export interface ByteSink {
  /** The storage; longer than `length`, and replaced when it grows. */
  bytes: Uint8Array;
  /** Bytes written so far. */
  length: number;
  /** Makes room for `extra` more bytes behind `length`; may replace `bytes`, keeping the first `length`. */
  ensure(extra: number): void;
}
