/**
 * A unary call: one message out, one message back. The fast path: no stream object, no iterator, no signal,
 * no `Headers`; the answer is decoded straight from the bytes that the socket delivered.
 */
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { HeddleError } from "../call/errors.ts";
import type { ClientSession } from "../connection/client-session.ts";
import { toMessageError } from "../contract/message-error.ts";
import { decompressGzip } from "../wire/compression.ts";
import { ENVELOPE_BYTES, EnvelopeReader, envelopeLength, FLAG_COMPRESSED } from "../wire/envelope-reader.ts";
import type { Http2Stream } from "../wire/http2/stream.ts";
import { ClientCall, type ClientCallInit } from "./call.ts";

/** Who waits for the outcome: the two ends of a promise, and what it is to be resolved with. */
export interface UnaryCaller {
  resolve(answer: unknown): void;
  reject(error: ConnectError): void;
  /** Default: the message itself. */
  readonly answer?: ((call: UnaryCall, response: Message) => unknown) | undefined;
}

export class UnaryCall extends ClientCall {
  /** The request, encoded once for all attempts; compressed when `requestFlag` says so. */
  readonly request: Uint8Array;
  readonly requestFlag: number;
  /** The answer, when the call ended well. */
  response: Message | undefined = undefined;
  readonly #caller: UnaryCaller;
  /** The answer's payload: `#payload[#payloadStart, #payloadEnd)`, in place where it arrived. */
  #payload: Uint8Array | undefined = undefined;
  #payloadStart = 0;
  #payloadEnd = 0;
  #payloadFlag = 0;
  /** Only for an answer that came in pieces. */
  #reader: EnvelopeReader | undefined = undefined;

  constructor(init: ClientCallInit, request: Uint8Array, requestFlag: number, caller: UnaryCaller) {
    super(init);
    this.request = request;
    this.requestFlag = requestFlag;
    this.#caller = caller;
  }

  get replayable(): boolean {
    return true;
  }

  sendMessages(session: ClientSession, stream: Http2Stream): void {
    session.machine.sendMessage(stream, this.requestFlag, this.request, 0, this.request.length, true);
  }

  resetAnswer(): void {
    this.head = undefined;
    this.trailers = undefined;
    this.#payload = undefined;
    this.#reader = undefined;
  }

  onData(bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    const { stream } = this;
    if (stream === undefined) return;
    this.session?.machine.take(stream, end - start);
    if (this.#reader === undefined && this.#isWholeMessage(bytes, start, end)) {
      this.#accept(bytes[start] as number, bytes, start + ENVELOPE_BYTES, end);
    } else if (end > start) {
      this.#reader ??= new EnvelopeReader(this.maxReceiveBytes, (flag, payload) => this.#accept(flag, payload, 0, payload.length));
      const fault = this.#reader.push(bytes, start, end);
      if (fault?.kind === "too-large") return this.fail(this.#tooLarge(fault.bytes));
      if (fault !== undefined) return this.fail(this.#invalid(`an envelope has the flag ${fault.flag}`));
    }
    if (this.error !== undefined) return this.fail(this.error);
    if (endStream) this.endStream(this.#invalid("it ended without trailers"));
  }

  onWritable(): void {}

  settle(): void {
    const { error, response } = this;
    const { resolve, reject, answer } = this.#caller;
    if (response === undefined || error !== undefined) return reject(error ?? this.#invalid("it holds no message"));
    if (answer === undefined) return resolve(response);
    try {
      resolve(answer(this, response));
    } catch (thrown) {
      // The caller's own callback for headers or trailers failed.
      reject(ConnectError.from(thrown));
    }
  }

  protected finishAnswer(): void {
    if (this.#payload === undefined) {
      this.error = this.#invalid("it holds no message", Code.Unimplemented);
      return;
    }
    if (this.#reader !== undefined && !this.#reader.isAtBoundary) {
      this.error = this.#invalid("it ended inside a message");
      return;
    }
    try {
      const payload = this.#payload.subarray(this.#payloadStart, this.#payloadEnd);
      this.response = this.method.output.decode(this.#payloadFlag === FLAG_COMPRESSED ? decompressGzip(payload, this.maxReceiveBytes) : payload);
    } catch (error) {
      this.error = toMessageError(error, this.method.name, this.maxReceiveBytes);
    }
    this.#payload = undefined;
  }

  #isWholeMessage(bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start - ENVELOPE_BYTES;
    return length >= 0 && length <= this.maxReceiveBytes && (bytes[start] as number) <= 1 && envelopeLength(bytes, start) === length;
  }

  #accept(flag: number, payload: Uint8Array, start: number, end: number): void {
    if (this.#payload !== undefined) this.error = this.#invalid("it holds more than one message", Code.Unimplemented);
    else if (flag === FLAG_COMPRESSED && !this.compressed) this.error = this.#invalid("a message is compressed, but no grpc-encoding was named");
    this.#payload = payload;
    this.#payloadStart = start;
    this.#payloadEnd = end;
    this.#payloadFlag = flag;
  }

  #tooLarge(bytes: number): HeddleError {
    return new HeddleError("messageTooLarge", { bytes, limit: this.maxReceiveBytes, direction: "received" });
  }

  #invalid(reason: string, code: Code = Code.Internal): HeddleError {
    return new HeddleError("responseInvalid", { method: this.method.name, address: this.subchannel?.address ?? "", reason }, { code });
  }
}
