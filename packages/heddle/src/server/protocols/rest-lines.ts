/**
 * Streams of requests over plain HTTP: a line of JSON for each message (NDJSON), or the pieces of a body where the
 * contract has a `google.api.HttpBody`. Path and query hold for all of them.
 *
 * Handlers read such calls from an inbox that counts envelopes, so each line becomes one, and what the inbox gives back
 * is turned into the bytes that came.
 */
import type { Message } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { HeddleError } from "../../call/errors.ts";
import { messageTooLarge } from "../../call/message-limits.ts";
import type { InboxMessage } from "../../connection/inbox.ts";
import { TranslatedCredit } from "../../connection/translated-credit.ts";
import { parseStrictJson } from "../../contract/codec/strict-json.ts";
import { toMessageError } from "../../contract/message-error.ts";
import { takesRaw } from "../../contract/rest/http-body.ts";
import { isLinesType } from "../../contract/rest/json-type.ts";
import { readRequest } from "../../contract/rest/read-request.ts";
import { readUtf8 } from "../../contract/utf8-text.ts";
import { writeEnvelope } from "../../wire/envelope-writer.ts";
import { LineSplitter } from "../../wire/line-splitter.ts";
import type { RequestReader, ServerCall } from "../call.ts";
import type { RestTarget } from "./rest-reader.ts";

/** Envelopes for the reader inside. */
export class RestLines implements RequestReader {
  readonly #call: ServerCall;
  readonly #target: RestTarget;
  readonly #inner: RequestReader;
  readonly #isFramed: boolean;
  readonly #credit = new TranslatedCredit();
  readonly #lines: LineSplitter;

  /** What comes is bytes of a body, or a message each time. */
  constructor(
    call: ServerCall,
    target: RestTarget,
    inner: RequestReader,
    comes: "bytes" | "frames" = "bytes",
  ) {
    this.#isFramed = comes === "frames";
    this.#call = call;
    this.#target = target;
    this.#inner = inner;
    this.#lines = new LineSplitter(call.parts.maxReceiveBytes, (bytes, start, end) => {
      if (end > start) this.#pass(bytes.subarray(start, end));
    });
  }

  onData(bytes: Uint8Array, start: number, end: number): void {
    const call = this.#call;
    if (call.ended) return call.take(end - start);
    this.#credit.came(end - start);
    if (this.#isFramed) this.#pass(bytes.subarray(start, end));
    else if (takesRaw(this.#target.binding)) this.#passPieces(bytes, start, end);
    else this.#readLines(bytes, start, end);
    const unread = this.#credit.releaseUnread();
    if (unread > 0) call.take(unread);
  }

  onEnd(): void {
    if (!this.#call.ended) this.#lines.end();
    this.#inner.onEnd();
  }

  returned(bytes: number): void {
    const given = this.#credit.release(bytes);
    if (given > 0) this.#call.take(given);
  }

  #readLines(bytes: Uint8Array, start: number, end: number): void {
    const call = this.#call;
    const { contentType, path } = call.head;
    // Without a type it could be a form of another site, which browsers send without asking.
    if (!isLinesType(contentType))
      return call.abort(new HeddleError("contentType", { contentType, path, reason: LINES_TYPE_REASON }));
    const tooLong = this.#lines.push(bytes, start, end);
    if (tooLong !== undefined) call.abort(messageTooLarge(tooLong, call.parts.maxReceiveBytes, "received"));
  }

  /** No piece is larger than a message may be. */
  #passPieces(bytes: Uint8Array, start: number, end: number): void {
    const most = Math.max(1, this.#call.parts.maxReceiveBytes);
    for (let at = start; at < end; at += most) this.#pass(bytes.subarray(at, Math.min(end, at + most)));
  }

  #pass(payload: Uint8Array): void {
    if (this.#call.ended) return;
    const envelope = writeEnvelope(0, payload);
    this.#credit.passed(envelope.length);
    this.#inner.onData(envelope, 0, envelope.length);
  }
}

export const LINES_TYPE_REASON = "a stream of requests is application/x-ndjson";

/** The message of one line or piece. Throws `parameterInvalid` and `messageInvalid`. */
export function decodeRestMessage(
  call: ServerCall,
  { binding, captured, query }: RestTarget,
  { bytes, start, end }: InboxMessage,
): Message {
  try {
    const data = bytes.subarray(start, end);
    const body = takesRaw(binding)
      ? ({ kind: "raw", contentType: call.head.contentType, data } as const)
      : ({ kind: "json", json: parseStrictJson(readUtf8(data)) } as const);
    return readRequest(binding, { captured, query, body }, call.parts.router.registry);
  } catch (error) {
    throw toMessageError(error, call.name, Code.InvalidArgument);
  }
}
