/**
 * Reads an answer of envelopes whose end is a frame as well: gRPC-Web and the streams of Connect. Messages go to the
 * call as they come, for it knows the envelope; the last frame is kept until the body has ended. Heads, and what the
 * last frame says, are the protocols' own.
 */
import type { HeddleError } from "../../call/errors.ts";
import { messageTooLarge } from "../../call/message-limits.ts";
import { toMessageError } from "../../contract/message-error.ts";
import { encodingNamed } from "../../wire/compression.ts";
import type { FrameSplitter, SplitFault } from "../../wire/frame-splitter.ts";
import type { ClientCall } from "../call.ts";
import { envelopeError, responseInvalid } from "../response.ts";
import { MAX_OUTCOME_BYTES } from "./answer.ts";
import { Translator } from "./translator.ts";

export abstract class EnvelopedTranslator extends Translator {
  /** Knows the last frame by the flag that the protocol gives it. */
  protected abstract readonly splitter: FrameSplitter;
  /** What the last frame is called in texts. */
  protected abstract readonly finalName: string;
  /** Name of the compression that the head of the answer has announced. */
  protected encoding = "identity";

  /**
   * Ends the call as the last frame says. `payload` is undefined when it is compressed and the head named no
   * compression that we know. What it throws becomes the call's error.
   */
  protected abstract onFinal(payload: Uint8Array | undefined): void;

  onData(bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (end > start) this.#pass(bytes, start, end);
    if (endStream) this.finish();
  }

  #pass(bytes: Uint8Array, start: number, end: number): void {
    const { call, splitter } = this;
    if (!this.isWanted) return;
    const upTo = splitter.push(bytes, start, end);
    if (upTo > start) call.onData(bytes, start, upTo, false);
    if (!this.isWanted) return;
    this.give(end - upTo);
    if (splitter.fault !== undefined) call.fail(splitError(call, splitter.fault));
  }

  /** The body has ended. */
  protected finish(): void {
    const { call } = this;
    const { final } = this.splitter;
    if (!this.isWanted) return;
    if (final === undefined) return call.fail(responseInvalid(call, `it ended without ${this.finalName}`));
    try {
      const { compressed, payload } = final;
      this.onFinal(
        compressed ? encodingNamed(this.encoding)?.decompress(payload, MAX_OUTCOME_BYTES) : payload,
      );
    } catch (error) {
      call.fail(toMessageError(error, call.method.name));
    }
  }
}

/** The error for a body that cannot be cut into messages and the frame that ends it. */
function splitError(call: ClientCall, fault: SplitFault): HeddleError {
  if (fault.kind === "after-end") return responseInvalid(call, "it goes on after its end");
  if (fault.kind === "too-large") return messageTooLarge(fault.bytes, MAX_OUTCOME_BYTES, "received");
  return envelopeError(call, fault);
}
