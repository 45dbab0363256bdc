/**
 * Streams of the Connect protocol: gRPC's envelopes, and a last one of JSON with error and trailers.
 * Source: https://connectrpc.com/docs/protocol#streaming-rpcs
 */
import { decodeEndStream, FLAG_END_STREAM } from "../../call/connect-end-stream.ts";
import { formatConnectTimeout } from "../../call/connect-timeout.ts";
import { findField, type Fields } from "../../call/metadata.ts";
import type { Session, SessionStream } from "../../connection/session.ts";
import { ACCEPT_ENCODING } from "../../wire/compression.ts";
import { FrameSplitter } from "../../wire/frame-splitter.ts";
import type { HeaderBlock } from "../../wire/hpack/header-block.ts";
import { parseResponseHead } from "../../wire/http2/head.ts";
import { responseInvalid, statusError } from "../response.ts";
import { contentTypeError, grpcHead, MAX_OUTCOME_BYTES, trailersOf, withMetadata } from "./answer.ts";
import { EnvelopedTranslator } from "./enveloped-translator.ts";
import { leadingFields, metadataFields } from "./request-fields.ts";

export class ConnectStreamTranslator extends EnvelopedTranslator {
  protected readonly splitter = new FrameSplitter(FLAG_END_STREAM, MAX_OUTCOME_BYTES);
  protected readonly finalName = "the frame that says how it ended";
  #head: Fields = [];

  protected start(session: Session, stream: SessionStream, leftMs: number): void {
    const { call, parts } = this;
    const fields = leadingFields(call, parts, "POST", call.method.path);
    fields.push("content-type", `application/connect+${call.method.form}`);
    fields.push("connect-protocol-version", "1");
    fields.push("connect-accept-encoding", ACCEPT_ENCODING);
    if (parts.sendEncoding !== undefined) fields.push("connect-content-encoding", parts.sendEncoding.name);
    if (leftMs !== Number.POSITIVE_INFINITY) fields.push("connect-timeout-ms", formatConnectTimeout(leftMs));
    fields.push(...metadataFields(call, parts));
    session.sendHead(stream, fields, false);
  }

  onHeaders(block: HeaderBlock, endStream: boolean, trailers: boolean): void {
    const { call } = this;
    if (trailers) return this.finish();
    const head = parseResponseHead(block);
    if (head === undefined) return call.fail(responseInvalid(call, "its header block is malformed"));
    if (head.status !== 200) return call.fail(statusError(call, head.status));
    if (FORM.exec(head.contentType)?.[1] !== call.method.form)
      return call.fail(contentTypeError(call, head.contentType));
    this.encoding = findField(head.fields, "connect-content-encoding") ?? "identity";
    const translated = grpcHead(head.fields, call.method.form, this.encoding, isConnectEncoding);
    this.#head = translated.fields;
    call.onHeaders(translated, false, false);
    if (endStream) this.finish();
  }

  protected onFinal(payload: Uint8Array | undefined): void {
    const { call } = this;
    const end = payload === undefined ? undefined : decodeEndStream(payload);
    const trailers = end === undefined ? undefined : trailersOf(end.trailers);
    if (end === undefined || trailers === undefined)
      return call.fail(responseInvalid(call, "the frame that ends it is malformed"));
    call.onOutcome(trailers, end.error && withMetadata(end.error, this.#head, trailers.fields));
  }
}

const FORM = /^application\/connect\+(proto|json)(?:$|;)/;

function isConnectEncoding(name: string): boolean {
  return name === "connect-content-encoding" || name === "grpc-encoding";
}
