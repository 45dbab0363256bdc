/**
 * gRPC-Web: gRPC's messages in a body without HTTP trailers, which come as a last frame instead. For callees that
 * stand behind a proxy that knows nothing else, and over HTTP/1.1.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md
 */
import { Code } from "@connectrpc/connect";
import { formatTimeout } from "../../call/deadline.ts";
import { decodeGrpcWebTrailers, FLAG_TRAILERS } from "../../call/grpc-web-trailers.ts";
import { findField } from "../../call/metadata.ts";
import type { Session, SessionStream } from "../../connection/session.ts";
import { ACCEPT_ENCODING } from "../../wire/compression.ts";
import { FrameSplitter } from "../../wire/frame-splitter.ts";
import type { HeaderBlock } from "../../wire/hpack/header-block.ts";
import { parseResponseHead } from "../../wire/http2/head.ts";
import { responseInvalid } from "../response.ts";
import { contentTypeError, grpcHead, MAX_OUTCOME_BYTES, trailersOf } from "./answer.ts";
import { EnvelopedTranslator } from "./enveloped-translator.ts";
import { leadingFields, metadataFields } from "./request-fields.ts";

export class GrpcWebTranslator extends EnvelopedTranslator {
  protected readonly splitter = new FrameSplitter(FLAG_TRAILERS, MAX_OUTCOME_BYTES);
  protected readonly finalName = "trailers";
  /** A head with a status, which counts only when no body follows. */
  #heldHead: HeaderBlock | undefined = undefined;

  protected start(session: Session, stream: SessionStream, leftMs: number): void {
    const { call, parts } = this;
    const fields = leadingFields(call, parts, "POST", call.method.path);
    fields.push("content-type", `application/grpc-web+${call.method.form}`);
    fields.push("x-grpc-web", "1");
    fields.push("grpc-accept-encoding", ACCEPT_ENCODING);
    if (parts.sendEncoding !== undefined) fields.push("grpc-encoding", parts.sendEncoding.name);
    if (leftMs !== Number.POSITIVE_INFINITY) fields.push("grpc-timeout", formatTimeout(leftMs));
    fields.push(...metadataFields(call, parts));
    session.sendHead(stream, fields, false);
  }

  onHeaders(block: HeaderBlock, endStream: boolean, trailers: boolean): void {
    // HTTP trailers have no meaning here: the body has said all.
    if (trailers) return this.finish();
    const { call } = this;
    const head = parseResponseHead(block);
    // A status other than 200, and a head that is none, mean the same as in gRPC.
    if (head === undefined || head.status !== 200) return call.onHeaders(block, endStream, false);
    const form = FORM.exec(head.contentType);
    if (form === null) return call.fail(contentTypeError(call, head.contentType));
    if ((form[1] ?? "proto") !== call.method.form)
      return call.fail(responseInvalid(call, `its content type is "${head.contentType}"`, Code.Internal));
    this.encoding = findField(head.fields, "grpc-encoding") ?? "identity";
    const translated = grpcHead(head.fields, call.method.form, undefined, () => false);
    if (!endStream && findField(head.fields, "grpc-status") !== undefined) this.#heldHead = translated;
    else call.onHeaders(translated, endStream, false);
  }

  override onData(bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (end > start) this.#giveHead();
    super.onData(bytes, start, end, endStream);
  }

  #giveHead(): void {
    const head = this.#heldHead;
    this.#heldHead = undefined;
    if (head !== undefined) this.call.onHeaders(head, false, false);
  }

  protected override finish(): void {
    if (this.#heldHead === undefined) super.finish();
    else if (this.isWanted) this.call.onHeaders(this.#heldHead, true, false);
  }

  protected onFinal(payload: Uint8Array | undefined): void {
    const { call } = this;
    const fields = payload === undefined ? undefined : decodeGrpcWebTrailers(payload);
    const trailers = fields === undefined ? undefined : trailersOf(fields);
    if (trailers === undefined) return call.fail(responseInvalid(call, "its trailers are malformed"));
    call.onHeaders(trailers, true, true);
  }
}

const FORM = /^application\/grpc-web(?:\+(proto|json))?(?:$|;)/;
