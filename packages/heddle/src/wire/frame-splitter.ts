/**
 * Takes the body of a Connect or gRPC-Web answer apart: messages, and the frame that ends it.
 *
 * Both have gRPC's envelopes and add a last one, known by its flag, in the place of HTTP trailers. Messages are left
 * where they lie and passed on as they come; only the last frame is put together here, within a limit, for it is
 * kept until the body has ended.
 */
import {
  ENVELOPE_BYTES,
  type EnvelopeFault,
  EnvelopeReader,
  FLAG_COMPRESSED,
  type OnMessage,
} from "./envelope-reader.ts";

export interface FinalFrame {
  readonly compressed: boolean;
  readonly payload: Uint8Array;
}

/** Why the body can't go on. */
export type SplitFault = EnvelopeFault | { readonly kind: "after-end" };

export class FrameSplitter {
  /** The frame that ends the body, once it is whole. */
  final: FinalFrame | undefined = undefined;
  /** What went wrong in the last `push`; then the splitter is done. */
  fault: SplitFault | undefined = undefined;
  readonly #finalFlag: number;
  readonly #maxFinalBytes: number;
  /** Bytes of the current message's prefix that have come. */
  #prefixBytes = 0;
  #missing = 0;
  #reader: EnvelopeReader | undefined = undefined;

  /** `finalFlag` is the bit that marks the last frame; `maxFinalBytes` bounds its payload. */
  constructor(finalFlag: number, maxFinalBytes: number) {
    this.#finalFlag = finalFlag;
    this.#maxFinalBytes = maxFinalBytes;
  }

  /** Takes `bytes[from, to)`. What lies before the returned position belongs to messages. */
  push(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to && this.#reader === undefined) {
      if (this.#prefixBytes === ENVELOPE_BYTES) {
        const count = Math.min(this.#missing, to - at);
        this.#missing -= count;
        at += count;
        if (this.#missing === 0) this.#prefixBytes = 0;
      } else if (this.#prefixBytes === 0 && ((bytes[at] as number) & this.#finalFlag) !== 0) {
        this.#reader = this.#finalReader();
      } else {
        if (this.#prefixBytes > 0) this.#missing = this.#missing * 256 + (bytes[at] as number);
        at++;
        if (++this.#prefixBytes === ENVELOPE_BYTES && this.#missing === 0) this.#prefixBytes = 0;
      }
    }
    if (this.#reader !== undefined && at < to) this.#pushFinal(this.#reader, bytes, at, to);
    return at;
  }

  #pushFinal(reader: EnvelopeReader, bytes: Uint8Array, from: number, to: number): void {
    const fault = this.final === undefined ? reader.push(bytes, from, to) : AFTER_END;
    this.fault ??= fault ?? (this.final === undefined || reader.isAtBoundary ? undefined : AFTER_END);
  }

  #finalReader(): EnvelopeReader {
    const onFrame: OnMessage = (flag, bytes, start, end) => {
      if (this.final !== undefined) this.fault = AFTER_END;
      else this.final = { compressed: flag !== this.#finalFlag, payload: bytes.subarray(start, end) };
    };
    return new EnvelopeReader(this.#maxFinalBytes, onFrame, this.#finalFlag | FLAG_COMPRESSED);
  }
}

const AFTER_END: SplitFault = { kind: "after-end" };
