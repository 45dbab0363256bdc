/**
 * Unary calls of the Connect protocol: a plain HTTP request with the message as its body, or in the query of a GET,
 * and an answer that any HTTP client understands.
 *
 * The head is written with the message, because it says how that is compressed. The answer is gathered whole, within
 * the limit for messages: only at its end is known whether it is one.
 * Source: https://connectrpc.com/docs/protocol#unary-rpcs
 */
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import type { ConnectError } from "@connectrpc/connect";
import { parseConnectError } from "../../call/connect-error.ts";
import { writeConnectQuery } from "../../call/connect-query.ts";
import { formatConnectTimeout } from "../../call/connect-timeout.ts";
import { splitTrailers } from "../../call/connect-trailers.ts";
import { messageTooLarge } from "../../call/message-limits.ts";
import { findField } from "../../call/metadata.ts";
import { codeFromHttpStatus } from "../../call/status.ts";
import type { Session, SessionStream } from "../../connection/session.ts";
import { ACCEPT_ENCODING, encodingNamed } from "../../wire/compression.ts";
import { ENVELOPE_BYTES, FLAG_COMPRESSED } from "../../wire/envelope-reader.ts";
import { envelopePrefix } from "../../wire/envelope-writer.ts";
import { GrowingBody } from "../../wire/growing-body.ts";
import type { HeaderBlock } from "../../wire/hpack/header-block.ts";
import { parseResponseHead, type ResponseHead } from "../../wire/http2/head.ts";
import { responseInvalid, statusError } from "../response.ts";
import { contentTypeError, grpcHead, MAX_OUTCOME_BYTES, trailersOf, withMetadata } from "./answer.ts";
import { leadingFields, metadataFields } from "./request-fields.ts";
import { Translator } from "./translator.ts";

/** A GET with a longer path and query is sent as POST: servers and proxies cut off at 8 KiB and more. */
export const MAX_GET_PATH_BYTES = 8000;

export class ConnectUnaryTranslator extends Translator {
  #session: Session | undefined;
  #leftMs = Number.POSITIVE_INFINITY;
  #head: ResponseHead | undefined;
  #body = new GrowingBody();

  // The request.

  protected start(session: Session, _stream: SessionStream, leftMs: number): void {
    this.#session = session;
    this.#leftMs = leftMs;
  }

  override sendMessage(
    stream: SessionStream,
    flag: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const session = this.#session as Session;
    const message = bytes.subarray(start, end);
    const { sendEncoding, compressMinBytes } = this.parts;
    // Nothing compressed is nothing: where all messages are compressed, an empty one is said to be.
    const compressed = flag === FLAG_COMPRESSED || (message.length === 0 && compressMinBytes === 0);
    const encoding = compressed ? sendEncoding?.name : undefined;
    const path = this.#getPath(message, encoding);
    if (path === undefined) {
      session.sendHead(stream, this.#postFields(encoding), message.length === 0);
      if (message.length > 0) session.sendBody(stream, message, true);
    } else session.sendHead(stream, this.#fields("GET", path), true);
  }

  /** It goes with the message. */
  override sendEnd(): void {}

  /** Path and query of the call as GET; undefined where it has to be a POST. */
  #getPath(message: Uint8Array, encoding: string | undefined): string | undefined {
    const { desc, form, path } = this.call.method;
    if (!this.parts.useHttpGet || desc.idempotency !== Idempotency.NO_SIDE_EFFECTS) return undefined;
    if (message.length > MAX_GET_PATH_BYTES) return undefined;
    const withQuery = `${path}?${writeConnectQuery(form, message, encoding)}`;
    return withQuery.length > MAX_GET_PATH_BYTES ? undefined : withQuery;
  }

  #postFields(encoding: string | undefined): string[] {
    const fields = this.#fields("POST", this.call.method.path);
    fields.push("content-type", `application/${this.call.method.form}`, "connect-protocol-version", "1");
    if (encoding !== undefined) fields.push("content-encoding", encoding);
    return fields;
  }

  #fields(method: "GET" | "POST", path: string): string[] {
    const fields = leadingFields(this.call, this.parts, method, path);
    fields.push("accept-encoding", ACCEPT_ENCODING);
    if (this.#leftMs !== Number.POSITIVE_INFINITY)
      fields.push("connect-timeout-ms", formatConnectTimeout(this.#leftMs));
    fields.push(...metadataFields(this.call, this.parts));
    return fields;
  }

  // The answer.

  /** The call is given what has been given back to the peer already. */
  override take(): void {}

  onHeaders(block: HeaderBlock, endStream: boolean, trailers: boolean): void {
    const { call } = this;
    if (trailers) return this.#finish();
    const head = parseResponseHead(block);
    if (head === undefined) return call.fail(responseInvalid(call, "its header block is malformed"));
    if (head.status === 200 && FORM.exec(head.contentType)?.[1] !== call.method.form)
      return call.fail(contentTypeError(call, head.contentType));
    this.#head = head;
    if (endStream) this.#finish();
  }

  onData(bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (!this.isWanted || this.#head === undefined) return;
    this.#body.push(bytes, start, end);
    const { length } = this.#body;
    const isMessage = this.#head.status === 200;
    const limit = isMessage ? this.call.maxReceiveBytes : MAX_OUTCOME_BYTES;
    if (length > limit)
      return this.call.fail(
        isMessage ? messageTooLarge(length, limit, "received") : statusError(this.call, this.#head.status),
      );
    this.give(end - start);
    if (endStream) this.#finish();
  }

  #finish(): void {
    const { call } = this;
    const head = this.#head;
    if (!this.isWanted || head === undefined) return;
    const body = this.#body.whole();
    this.#body = new GrowingBody();
    const encoding = findField(head.fields, "content-encoding") ?? "identity";
    const { header, trailer } = splitTrailers(head.fields);
    const trailers = trailersOf(trailer);
    if (trailers === undefined) return call.fail(responseInvalid(call, "its trailers are malformed"));
    if (head.status !== 200) {
      const error = readError(head, body, encoding);
      if (error === undefined) return call.fail(statusError(call, head.status));
      return call.onOutcome(trailers, withMetadata(error, header, trailer));
    }
    call.onHeaders(grpcHead(header, call.method.form, encoding, isEncoding), false, false);
    if (!this.isWanted) return;
    // An empty message is sent as nothing, whatever the head says of its compression.
    const compressed = body.length > 0 && encoding !== "identity" && encoding !== "";
    call.onData(envelopePrefix(compressed ? FLAG_COMPRESSED : 0, body.length), 0, ENVELOPE_BYTES, false);
    if (body.length > 0 && this.isWanted) call.onData(body, 0, body.length, false);
    if (this.isWanted) call.onOutcome(trailers, undefined);
  }
}

const FORM = /^application\/(proto|json)(?:$|;)/;

function isEncoding(name: string): boolean {
  return name === "content-encoding" || name === "grpc-encoding";
}

/** The error in the body; undefined when there is none that can be read. */
function readError(head: ResponseHead, body: Uint8Array, encoding: string): ConnectError | undefined {
  if (!/^application\/json(?:$|;)/.test(head.contentType)) return undefined;
  try {
    const plain = encodingNamed(encoding)?.decompress(body, MAX_OUTCOME_BYTES) ?? body;
    return parseConnectError(plain, codeFromHttpStatus(head.status));
  } catch {
    return undefined;
  }
}
