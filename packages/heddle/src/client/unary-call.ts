/**
 * A unary call: one message out, one message back. The fast path: no stream object, no iterator, no signal,
 * no `Headers`; the answer is decoded straight from the bytes that the socket delivered.
 */
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { SessionStream, StreamWriter } from "../connection/session.ts";
import { SingleMessage } from "../connection/single-message.ts";
import { toMessageError } from "../contract/message-error.ts";
import { ClientCall, type ClientCallInit } from "./call.ts";
import { envelopeError, responseInvalid, undeclaredCompression } from "./response.ts";

/** Who waits for the outcome: the two ends of a promise, and what it is to be resolved with. */
export interface UnaryCaller {
  resolve(answer: unknown): void;
  reject(error: ConnectError): void;
  /** Default: the message itself. */
  readonly answer?: ((call: UnaryCall, response: Message) => unknown) | undefined;
}

export interface UnaryCallInit extends ClientCallInit {
  readonly request: Uint8Array;
  readonly requestStart: number;
  readonly requestEnd: number;
  /** 1 for a compressed request. */
  readonly requestFlag: number;
}

export class UnaryCall extends ClientCall {
  /** The request, encoded once for all attempts: `request[requestStart, requestEnd)`, compressed when `requestFlag` says so. */
  readonly request: Uint8Array;
  readonly requestStart: number;
  readonly requestEnd: number;
  readonly requestFlag: number;
  /** The answer, when the call ended well. */
  response: Message | undefined = undefined;
  readonly #caller: UnaryCaller;
  #answer: SingleMessage;

  constructor(init: UnaryCallInit, caller: UnaryCaller) {
    super(init);
    this.request = init.request;
    this.requestStart = init.requestStart;
    this.requestEnd = init.requestEnd;
    this.requestFlag = init.requestFlag;
    this.#caller = caller;
    this.#answer = new SingleMessage(init.maxReceiveBytes);
  }

  /**
   * Nothing of the answer reaches the caller before its end, so a connection that dies inside of it costs nothing but
   * time. A message with a failing status behind it is the server's answer.
   */
  get replayable(): boolean {
    return this.trailers === undefined || (this.#answer.count === 0 && this.#answer.isAtBoundary);
  }

  /** The outcome of another attempt of the same call becomes this one's. */
  takeOver(attempt: UnaryCall): void {
    this.error = attempt.error;
    this.head = attempt.head;
    this.trailers = attempt.trailers;
    this.answerEncoding = attempt.answerEncoding;
    this.response = attempt.response;
    this.#answer = attempt.#answer;
    this.subchannel = attempt.subchannel;
    this.askedSession = attempt.askedSession;
    this.pickedFrom = attempt.pickedFrom;
    this.pickedInFlight = attempt.pickedInFlight;
    this.attemptStartedAtMs = attempt.attemptStartedAtMs;
    this.sentAtMs = attempt.sentAtMs;
    this.pickedAtMs = attempt.pickedAtMs;
    this.spanId = attempt.spanId;
    this.refused = attempt.refused;
    this.isHedge = attempt.isHedge;
  }

  sendMessages(writer: StreamWriter, stream: SessionStream): void {
    writer.sendMessage(stream, this.requestFlag, this.request, this.requestStart, this.requestEnd, true);
  }

  resetAnswer(): void {
    this.head = undefined;
    this.trailers = undefined;
    this.#answer = new SingleMessage(this.maxReceiveBytes);
  }

  onData(bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    const { stream } = this;
    if (stream === undefined) return;
    this.writer?.take(stream, end - start);
    const fault = this.#answer.push(bytes, start, end);
    if (fault !== undefined) return this.fail(envelopeError(this, fault));
    if (this.#answer.count > 1)
      return this.fail(responseInvalid(this, "it holds more than one message", Code.Unimplemented));
    if (endStream) this.endStream(responseInvalid(this, "it ended without trailers"));
  }

  onWritable(): void {}

  settle(): void {
    const { error, response } = this;
    const { resolve, reject, answer } = this.#caller;
    if (response === undefined || error !== undefined)
      return reject(error ?? responseInvalid(this, "it holds no message"));
    if (answer === undefined) return resolve(response);
    try {
      resolve(answer(this, response));
    } catch (thrown) {
      // The caller's own callback for headers or trailers failed.
      reject(ConnectError.from(thrown));
    }
  }

  protected finishAnswer(): void {
    const answer = this.#answer;
    if (!answer.isAtBoundary) this.error = responseInvalid(this, "it ended inside a message");
    else if (answer.count === 0)
      this.error = responseInvalid(this, "it holds no message", Code.Unimplemented);
    else if (answer.isCompressed && this.answerEncoding === undefined)
      this.error = undeclaredCompression(this);
    else {
      try {
        this.response = answer.decode(this.method.output, this.answerEncoding);
      } catch (error) {
        this.error = toMessageError(error, this.method.name);
      }
    }
  }
}
