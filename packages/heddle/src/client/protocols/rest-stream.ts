/**
 * REST calls with a stream of answers: JSON by lines (NDJSON), server-sent events, or the pieces of a `google.api.HttpBody`.
 *
 * The status has come before anybody knew how the stream ends, so its end says it: a line `{"error": …}`, or an event named
 * `error`. Services that are not of our kind just end, and HTTP tells an end from a connection that was cut.
 */
import type { ConnectError } from "@connectrpc/connect";
import { isJsonObject } from "../../call/json-object.ts";
import { messageTooLarge } from "../../call/message-limits.ts";
import { findField } from "../../call/metadata.ts";
import type { SessionStream } from "../../connection/session.ts";
import { TranslatedCredit } from "../../connection/translated-credit.ts";
import { toMessageError } from "../../contract/message-error.ts";
import { fieldNamed } from "../../contract/rest/field-path.ts";
import { answersRaw } from "../../contract/rest/http-body.ts";
import { isLinesType } from "../../contract/rest/json-type.ts";
import type { RequestForm } from "../../contract/rest/rest-method.ts";
import { EventReader } from "../../wire/event-reader.ts";
import { GrowingBody } from "../../wire/growing-body.ts";
import type { HeaderBlock } from "../../wire/hpack/header-block.ts";
import { parseResponseHead, type ResponseHead } from "../../wire/http2/head.ts";
import { LineSplitter } from "../../wire/line-splitter.ts";
import { responseInvalid } from "../response.ts";
import { blockOf, contentTypeError, grpcHead, MAX_OUTCOME_BYTES } from "./answer.ts";
import { readRestError, readStreamError } from "./rest-error.ts";
import { isEncoding, isSuccess, RestTranslator } from "./rest-request.ts";

/** Takes pieces of the body; the size of a message that is too large, else undefined. */
type Reader = (bytes: Uint8Array, start: number, end: number) => number | undefined;

export class RestStreamTranslator extends RestTranslator {
  protected readonly mayBeCompressed = false;
  readonly #credit = new TranslatedCredit();
  #head: ResponseHead | undefined;
  /** Undefined when the answer is an error, whose body is gathered. */
  #read: Reader | undefined;
  #lines: LineSplitter | undefined;
  #errorBody = new GrowingBody();
  /** How the stream has said that it ends, once it has. */
  #outcome: { readonly error: ConnectError | undefined } | undefined;

  protected accept({ binding }: RequestForm): string {
    return answersRaw(binding) ? "*/*" : "application/x-ndjson, text/event-stream;q=0.9";
  }

  override take(_stream: SessionStream, bytes: number): void {
    this.give(this.#credit.release(bytes));
  }

  onHeaders(block: HeaderBlock, endStream: boolean, trailers: boolean): void {
    const { call } = this;
    if (trailers) return this.#finish();
    const head = parseResponseHead(block);
    if (head === undefined) return call.fail(responseInvalid(call, "its header block is malformed"));
    this.#head = head;
    if (isSuccess(head)) {
      this.#read = this.#readerFor(head, endStream);
      if (this.#read === undefined) return call.fail(contentTypeError(call, head.contentType));
      const encoding = findField(head.fields, "content-encoding") ?? "identity";
      if (encoding !== "identity" && encoding !== "")
        return call.fail(responseInvalid(call, `its compression "${encoding}" was not offered`));
      call.onHeaders(grpcHead(head.fields, "json", undefined, isEncoding), false, false);
    }
    if (endStream) this.#finish();
  }

  onData(bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (!this.isWanted || this.#head === undefined) return;
    if (end > start) {
      if (this.#read === undefined) this.#gatherError(bytes, start, end);
      else this.#readMessages(this.#read, bytes, start, end);
    }
    if (endStream) this.#finish();
  }

  #readMessages(read: Reader, bytes: Uint8Array, start: number, end: number): void {
    const { call } = this;
    this.#credit.came(end - start);
    try {
      const tooLarge = read(bytes, start, end);
      if (tooLarge !== undefined && this.isWanted)
        call.fail(messageTooLarge(tooLarge, call.maxReceiveBytes, "received"));
    } catch (error) {
      if (this.isWanted) call.fail(toMessageError(error, call.method.name));
    }
    this.give(this.#credit.releaseUnread());
  }

  /** Of an error its status is enough when its body is long. */
  #gatherError(bytes: Uint8Array, start: number, end: number): void {
    if (this.#errorBody.length + end - start <= MAX_OUTCOME_BYTES) this.#errorBody.push(bytes, start, end);
    this.give(end - start);
  }

  #finish(): void {
    const { call } = this;
    const head = this.#head;
    if (!this.isWanted || head === undefined) return;
    if (this.#read === undefined) {
      const nowMs = this.parts.clock.wallMs();
      return call.onOutcome(blockOf([]), readRestError(this.method, head, this.#errorBody.whole(), nowMs));
    }
    try {
      this.#lines?.end();
    } catch (error) {
      return call.fail(toMessageError(error, call.method.name));
    }
    if (this.isWanted) call.onOutcome(blockOf([]), this.#outcome?.error);
  }

  /** Undefined for a type of content that has no messages. */
  #readerFor({ contentType, status }: ResponseHead, endStream: boolean): Reader | undefined {
    const { maxReceiveBytes } = this.call;
    if (answersRaw(this.form.binding))
      return (bytes, start, end) => {
        this.#pass(contentType, bytes.subarray(start, end));
        return undefined;
      };
    if (EVENTS.test(contentType)) {
      const events = new EventReader(maxReceiveBytes, (name, data) => this.#onEvent(name, data));
      return (bytes, start, end) => events.push(bytes, start, end);
    }
    if (!isLinesType(contentType) && !(status === 204 || endStream)) return undefined;
    const lines = new LineSplitter(maxReceiveBytes, (bytes, start, end) =>
      this.#onLine(bytes.subarray(start, end)),
    );
    this.#lines = lines;
    return (bytes, start, end) => lines.push(bytes, start, end);
  }

  #onLine(line: Uint8Array): void {
    if (line.length === 0) return;
    const problem = this.#problemIn(line);
    if (problem === undefined) this.#pass("", line);
    else this.#end(readStreamError(this.method, problem));
  }

  #onEvent(name: string, data: string): void {
    if (name === "end") this.#end(undefined);
    else if (name === "error") this.#end(readStreamError(this.method, parsed(data)));
    else this.#pass("", UTF8.encode(data));
  }

  #pass(contentType: string, message: Uint8Array): void {
    if (!this.isWanted) return;
    if (this.#outcome !== undefined)
      return this.call.fail(responseInvalid(this.call, "it goes on after its end"));
    this.#credit.passed(this.pass(contentType, message));
  }

  #end(error: ConnectError | undefined): void {
    if (this.#outcome !== undefined && this.isWanted)
      return this.call.fail(responseInvalid(this.call, "it goes on after its end"));
    this.#outcome = { error };
  }

  /** What stands in a line that is an error and no message. A message may have a field `error`, which is no problem. */
  #problemIn(line: Uint8Array): unknown {
    if (!startsWith(line, ERROR_LINE)) return undefined;
    const json = parsed(TEXT.decode(line));
    if (!isJsonObject(json) || Object.keys(json).length !== 1) return undefined;
    const { error } = json;
    if (!isJsonObject(error)) return undefined;
    const isProblem = typeof error["status"] === "number" && typeof error["code"] === "string";
    return isProblem || fieldNamed(this.method.desc.output, "error") === undefined ? error : undefined;
  }
}

function startsWith(line: Uint8Array, start: Uint8Array): boolean {
  return line.length > start.length && start.every((byte, i) => line[i] === byte);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const UTF8 = new TextEncoder();
const TEXT = new TextDecoder();
const ERROR_LINE = UTF8.encode('{"error":');
const EVENTS = /^\s*text\/event-stream\s*(?:$|;)/i;
