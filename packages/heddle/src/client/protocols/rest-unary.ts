/**
 * REST calls with one answer: the status says how they went, the body is the message, or the error.
 *
 * The answer is gathered whole, within the limit for messages: only at its end is known whether it is one.
 */
import { messageTooLarge } from "../../call/message-limits.ts";
import { findField } from "../../call/metadata.ts";
import { toMessageError } from "../../contract/message-error.ts";
import { answersRaw } from "../../contract/rest/http-body.ts";
import { isJsonType } from "../../contract/rest/json-type.ts";
import type { RequestForm } from "../../contract/rest/rest-method.ts";
import { encodingNamed } from "../../wire/compression.ts";
import { GrowingBody } from "../../wire/growing-body.ts";
import type { HeaderBlock } from "../../wire/hpack/header-block.ts";
import { parseResponseHead, type ResponseHead } from "../../wire/http2/head.ts";
import type { ClientCall } from "../call.ts";
import { responseInvalid } from "../response.ts";
import { blockOf, contentTypeError, grpcHead, MAX_OUTCOME_BYTES } from "./answer.ts";
import { readRestError } from "./rest-error.ts";
import { isEncoding, isSuccess, RestTranslator } from "./rest-request.ts";

export class RestUnaryTranslator extends RestTranslator {
  protected readonly mayBeCompressed = true;
  #head: ResponseHead | undefined;
  #body = new GrowingBody();

  protected accept({ binding }: RequestForm): string {
    return answersRaw(binding) ? "*/*" : "application/json";
  }

  /** The call is given what has been given back to the peer already. */
  override take(): void {}

  onHeaders(block: HeaderBlock, endStream: boolean, trailers: boolean): void {
    const { call } = this;
    if (trailers) return this.#finish();
    const head = parseResponseHead(block);
    if (head === undefined) return call.fail(responseInvalid(call, "its header block is malformed"));
    this.#head = head;
    if (endStream) this.#finish();
  }

  onData(bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (!this.isWanted || this.#head === undefined) return;
    const isMessage = isSuccess(this.#head);
    const limit = isMessage ? this.call.maxReceiveBytes : MAX_OUTCOME_BYTES;
    const length = this.#body.length + end - start;
    if (length <= limit) this.#body.push(bytes, start, end);
    // Of an error its status is enough.
    else if (isMessage) return this.call.fail(messageTooLarge(length, limit, "received"));
    else return this.call.fail(readRestError(this.method, this.#head, NOTHING, this.parts.clock.wallMs()));
    this.give(end - start);
    if (endStream) this.#finish();
  }

  #finish(): void {
    const { call, method } = this;
    const head = this.#head;
    if (!this.isWanted || head === undefined) return;
    const body = this.#body.whole();
    this.#body = new GrowingBody();
    if (!isSuccess(head))
      return call.onOutcome(blockOf([]), readRestError(method, head, body, this.parts.clock.wallMs()));
    const isRaw = answersRaw(this.form.binding);
    const { contentType } = head;
    if (body.length > 0 && !isRaw && contentType !== "" && !isJsonType(contentType))
      return call.fail(contentTypeError(call, contentType));
    let plain: Uint8Array;
    try {
      plain = expand(call, head, body);
    } catch (error) {
      return call.fail(toMessageError(error, call.method.name));
    }
    call.onHeaders(grpcHead(head.fields, "json", undefined, isEncoding), false, false);
    if (this.isWanted) this.pass(isRaw ? contentType : "", plain);
    if (this.isWanted) call.onOutcome(blockOf([]), undefined);
  }
}

function expand(call: ClientCall, { fields }: ResponseHead, body: Uint8Array): Uint8Array {
  const name = findField(fields, "content-encoding") ?? "identity";
  if (name === "identity" || name === "" || body.length === 0) return body;
  const encoding = encodingNamed(name);
  if (encoding === undefined) throw responseInvalid(call, `its compression "${name}" was not offered`);
  return encoding.decompress(body, call.maxReceiveBytes);
}

const NOTHING = new Uint8Array(0);
