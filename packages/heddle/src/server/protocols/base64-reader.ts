/**
 * The body of a `grpc-web-text` request, made bytes for the reader inside.
 */
import { HeddleError } from "../../call/errors.ts";
import { Base64Decoder } from "../../wire/base64-text.ts";
import type { RequestReader, ServerCall } from "../call.ts";

export class Base64Reader implements RequestReader {
  readonly #call: ServerCall;
  readonly #inner: RequestReader;
  readonly #decoder = new Base64Decoder();
  /** Characters that have come, less the bytes made of them. The inner reader gives back only the bytes. */
  #surplus = 0;

  constructor(call: ServerCall, inner: RequestReader) {
    this.#call = call;
    this.#inner = inner;
  }

  onData(text: Uint8Array, start: number, end: number): void {
    if (this.#call.ended) return this.#call.take(end - start);
    const bytes = this.#decoder.push(text, start, end);
    if (bytes === undefined) {
      this.#call.take(end - start);
      return this.#refuse("its body is not base64");
    }
    this.#surplus += end - start - bytes.length;
    if (this.#surplus > 0) {
      this.#call.take(this.#surplus);
      this.#surplus = 0;
    }
    if (bytes.length > 0) this.#inner.onData(bytes, 0, bytes.length);
  }

  onEnd(): void {
    if (this.#decoder.isAtBoundary) this.#inner.onEnd();
    else this.#refuse("its body ended inside a group of base64");
  }

  #refuse(reason: string): void {
    this.#call.abort(new HeddleError("messageInvalid", { method: this.#call.name, reason }));
  }
}
