/**
 * Reads the one request message of a unary or server-streaming call.
 */
import type { Message } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { HeddleError } from "../call/errors.ts";
import { toMessageError } from "../contract/message-error.ts";
import type { Method } from "../contract/method.ts";
import { decompressGzip } from "../wire/compression.ts";
import { ENVELOPE_BYTES, type EnvelopeFault, EnvelopeReader, envelopeLength, FLAG_COMPRESSED } from "../wire/envelope-reader.ts";
import type { RequestReader, ServerCall } from "./call.ts";

export class SingleRequestReader implements RequestReader {
  readonly #call: ServerCall;
  readonly #method: Method;
  readonly #onRequest: (call: ServerCall, request: Message) => void;
  #payload: Uint8Array | undefined = undefined;
  #flag = 0;
  #messages = 0;
  /** Only for a message that comes in pieces. */
  #reader: EnvelopeReader | undefined = undefined;

  constructor(call: ServerCall, method: Method, onRequest: (call: ServerCall, request: Message) => void) {
    this.#call = call;
    this.#method = method;
    this.#onRequest = onRequest;
  }

  onData(bytes: Uint8Array, start: number, end: number): void {
    const call = this.#call;
    call.session.machine.take(call.stream, end - start);
    if (call.ended) return;
    const length = end - start - ENVELOPE_BYTES;
    const { maxReceiveBytes } = call.parts;
    if (
      this.#reader === undefined &&
      length >= 0 &&
      length <= maxReceiveBytes &&
      (bytes[start] as number) <= FLAG_COMPRESSED &&
      envelopeLength(bytes, start) === length
    ) {
      this.#accept(bytes[start] as number, bytes.subarray(start + ENVELOPE_BYTES, end));
    } else if (end > start) {
      this.#reader ??= new EnvelopeReader(maxReceiveBytes, (flag, payload) => this.#accept(flag, payload));
      const fault = this.#reader.push(bytes, start, end);
      if (fault !== undefined) call.abort(faultError(fault, this.#method, maxReceiveBytes));
    }
  }

  onEnd(): void {
    const call = this.#call;
    if (call.ended) return;
    const payload = this.#payload;
    if (payload === undefined || this.#messages !== 1 || (this.#reader !== undefined && !this.#reader.isAtBoundary)) {
      return call.abort(new HeddleError("requestCardinality", { method: this.#method.name, count: this.#messages }));
    }
    let request: Message;
    try {
      request = this.#method.input.decode(expand(call, this.#flag, payload));
    } catch (error) {
      return call.abort(requestError(error, call, this.#method));
    }
    this.#payload = undefined;
    this.#onRequest(call, request);
  }

  #accept(flag: number, payload: Uint8Array): void {
    this.#messages++;
    this.#payload = payload;
    this.#flag = flag;
  }
}

/** The plain payload. Throws for one that is compressed without having said so. */
export function expand(call: ServerCall, flag: number, payload: Uint8Array): Uint8Array {
  if (flag !== FLAG_COMPRESSED) return payload;
  if (!call.compressed) throw new HeddleError("messageInvalid", { method: call.head.path.slice(1), reason: "it is compressed, but no grpc-encoding was named" });
  return decompressGzip(payload, call.parts.maxReceiveBytes);
}

export function requestError(error: unknown, call: ServerCall, method: Method): HeddleError {
  return error instanceof HeddleError ? error : toMessageError(error, method.name, call.parts.maxReceiveBytes, Code.Internal);
}

export function faultError(fault: EnvelopeFault, method: Method, limit: number): HeddleError {
  return fault.kind === "too-large"
    ? new HeddleError("messageTooLarge", { bytes: fault.bytes, limit, direction: "received" })
    : new HeddleError("messageInvalid", { method: method.name, reason: `an envelope has the flag ${fault.flag}` });
}
