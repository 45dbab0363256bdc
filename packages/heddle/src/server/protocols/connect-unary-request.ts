/**
 * Readers of the one message of a unary Connect call: the whole body of a POST, or a part of the query of a GET.
 */
import type { Message } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { HeddleError } from "../../call/errors.ts";
import { messageTooLarge } from "../../call/message-limits.ts";
import { toMessageError } from "../../contract/message-error.ts";
import type { Method } from "../../contract/method.ts";
import { GrowingBody } from "../../wire/growing-body.ts";
import type { RequestReader, ServerCall } from "../call.ts";

type OnRequest = (call: ServerCall, request: Message) => void;

export class BodyReader implements RequestReader {
  readonly #call: ServerCall;
  readonly #method: Method;
  readonly #onRequest: OnRequest;
  readonly #body = new GrowingBody();

  constructor(call: ServerCall, method: Method, onRequest: OnRequest) {
    this.#call = call;
    this.#method = method;
    this.#onRequest = onRequest;
  }

  onData(bytes: Uint8Array, start: number, end: number): void {
    const call = this.#call;
    call.take(end - start);
    if (call.ended) return;
    const limit = call.parts.maxReceiveBytes;
    const length = this.#body.length + end - start;
    if (length > limit)
      call.abort(messageTooLarge(Math.max(length, call.head.contentLength), limit, "received"));
    else this.#body.push(bytes, start, end);
  }

  onEnd(): void {
    if (!this.#call.ended) deliver(this.#call, this.#method, this.#body.whole(), this.#onRequest);
  }
}

export class QueryReader implements RequestReader {
  readonly #call: ServerCall;
  readonly #method: Method;
  readonly #message: () => Uint8Array | undefined;
  readonly #onRequest: OnRequest;

  constructor(call: ServerCall, method: Method, message: () => Uint8Array | undefined, onRequest: OnRequest) {
    this.#call = call;
    this.#method = method;
    this.#message = message;
    this.#onRequest = onRequest;
  }

  /** A GET has no body that means anything. */
  onData(_bytes: Uint8Array, start: number, end: number): void {
    this.#call.take(end - start);
  }

  onEnd(): void {
    const call = this.#call;
    if (call.ended) return;
    const message = this.#message();
    if (message === undefined)
      call.abort(undecodable(this.#method, new Error("the query has no message, or one that is not base64")));
    else if (message.length > call.parts.maxReceiveBytes)
      call.abort(messageTooLarge(message.length, call.parts.maxReceiveBytes, "received"));
    else deliver(call, this.#method, message, this.#onRequest);
  }
}

function deliver(call: ServerCall, method: Method, bytes: Uint8Array, onRequest: OnRequest): void {
  let request: Message;
  try {
    const plain = call.requestEncoding?.decompress(bytes, call.parts.maxReceiveBytes) ?? bytes;
    request = method.input.decode(plain);
  } catch (error) {
    return call.abort(undecodable(method, error));
  }
  onRequest(call, request);
}

/** Whoever writes Connect by hand learns from the HTTP status that it is the message: 400, and not 500. */
function undecodable(method: Method, error: unknown): HeddleError {
  return toMessageError(error, method.name, Code.InvalidArgument);
}
