/**
 * Reads the one request message of a unary or server-streaming call.
 */
import type { Message } from "@bufbuild/protobuf";
import { HeddleError } from "../call/errors.ts";
import { messageTooLarge } from "../call/message-limits.ts";
import type { InboxMessage } from "../connection/inbox.ts";
import { SingleMessage } from "../connection/single-message.ts";
import { toMessageError } from "../contract/message-error.ts";
import type { Method } from "../contract/method.ts";
import { type EnvelopeFault, FLAG_COMPRESSED } from "../wire/envelope-reader.ts";
import type { RequestReader, ServerCall } from "./call.ts";

export class SingleRequestReader implements RequestReader {
  readonly #call: ServerCall;
  readonly #method: Method;
  readonly #message: SingleMessage;
  readonly #onRequest: (call: ServerCall, request: Message) => void;

  constructor(call: ServerCall, method: Method, onRequest: (call: ServerCall, request: Message) => void) {
    this.#call = call;
    this.#method = method;
    this.#message = new SingleMessage(call.parts.maxReceiveBytes);
    this.#onRequest = onRequest;
  }

  onData(bytes: Uint8Array, start: number, end: number): void {
    const call = this.#call;
    call.take(end - start);
    if (call.ended) return;
    const fault = this.#message.push(bytes, start, end);
    if (fault !== undefined) call.abort(faultError(fault, this.#method, call.parts.maxReceiveBytes));
    else if (this.#message.count > 1)
      call.abort(
        new HeddleError("requestCardinality", { method: this.#method.name, count: "more than one" }),
      );
  }

  onEnd(): void {
    const call = this.#call;
    if (call.ended) return;
    const message = this.#message;
    if (!message.isAtBoundary) return call.abort(unfinishedRequest(this.#method));
    if (message.count === 0)
      return call.abort(new HeddleError("requestCardinality", { method: this.#method.name, count: "none" }));
    if (message.isCompressed && call.requestEncoding === undefined)
      return call.abort(undeclaredCompression(call));
    let request: Message;
    try {
      request = message.decode(this.#method.input, call.requestEncoding);
    } catch (error) {
      return call.abort(toMessageError(error, this.#method.name));
    }
    this.#onRequest(call, request);
  }
}

/** Throws `messageInvalid`, also for a message that is compressed without having said so, and `messageTooLarge`. */
export function decodeRequest(
  call: ServerCall,
  { input, name }: Method,
  { flag, bytes, start, end }: InboxMessage,
): Message {
  try {
    if (flag !== FLAG_COMPRESSED) return input.decode(bytes, start, end);
    return input.decode(expand(call, bytes.subarray(start, end)));
  } catch (error) {
    throw toMessageError(error, name);
  }
}

function expand(call: ServerCall, payload: Uint8Array): Uint8Array {
  if (call.requestEncoding === undefined) throw undeclaredCompression(call);
  return call.requestEncoding.decompress(payload, call.parts.maxReceiveBytes);
}

function undeclaredCompression(call: ServerCall): HeddleError {
  return new HeddleError("messageInvalid", {
    method: call.name,
    reason: "it is compressed, but no encoding was named",
  });
}

export function unfinishedRequest(method: Method): HeddleError {
  return new HeddleError("messageInvalid", {
    method: method.name,
    reason: "the request ended inside a message",
  });
}

export function faultError(fault: EnvelopeFault, method: Method, limit: number): HeddleError {
  return fault.kind === "too-large"
    ? messageTooLarge(fault.bytes, limit, "received")
    : new HeddleError("messageInvalid", {
        method: method.name,
        reason: `an envelope has the flag ${fault.flag}`,
      });
}
