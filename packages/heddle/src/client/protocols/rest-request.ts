/**
 * Plain HTTP with JSON, by the binding of the method: what calls with one answer and with a stream of them have in common.
 *
 * The request has been written by the method's codec (`contract/rest/rest-method.ts`); here it gets its head. What it
 * says beyond the contract is little, for a service that knows nothing of RPCs is asked as well as our own: how long the
 * caller waits, in Connect's words, its metadata and its trace.
 */
import { formatConnectTimeout } from "../../call/connect-timeout.ts";
import { findField } from "../../call/metadata.ts";
import type { Session, SessionStream } from "../../connection/session.ts";
import {
  answerFormHead,
  readRequestForm,
  type RequestForm,
  type RestMethod,
} from "../../contract/rest/rest-method.ts";
import { ACCEPT_ENCODING, compressIfWorth } from "../../wire/compression.ts";
import { ENVELOPE_BYTES } from "../../wire/envelope-reader.ts";
import { envelopePrefix } from "../../wire/envelope-writer.ts";
import type { ResponseHead } from "../../wire/http2/head.ts";
import { leadingFields, metadataFields } from "./request-fields.ts";
import { Translator } from "./translator.ts";

export abstract class RestTranslator extends Translator {
  #session: Session | undefined;
  #leftMs = Number.POSITIVE_INFINITY;
  /** The request, once it has been sent. */
  #form: RequestForm | undefined;

  /** What answers may be, the value of `accept`. */
  protected abstract accept(form: RequestForm): string;
  /** Whether the answer may be compressed: what is read as it comes is not. */
  protected abstract readonly mayBeCompressed: boolean;

  protected get method(): RestMethod {
    return this.call.method as RestMethod;
  }

  /** Known when an answer is there. */
  protected get form(): RequestForm {
    return this.#form as RequestForm;
  }

  protected start(session: Session, _stream: SessionStream, leftMs: number): void {
    this.#session = session;
    this.#leftMs = leftMs;
  }

  override sendMessage(
    stream: SessionStream,
    _flag: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const session = this.#session as Session;
    const form = readRequestForm(this.method, bytes, start, end);
    this.#form = form;
    const { sendEncoding, compressMinBytes } = this.parts;
    const fields = this.#fields(form);
    if (form.body === undefined) return session.sendHead(stream, fields, true);
    const compressed = compressIfWorth(form.body, sendEncoding, compressMinBytes);
    if (form.contentType !== "") fields.push("content-type", form.contentType);
    if (compressed !== undefined) fields.push("content-encoding", sendEncoding?.name as string);
    const body = compressed ?? form.body;
    session.sendHead(stream, fields, body.length === 0);
    if (body.length > 0) session.sendBody(stream, body, true);
  }

  /** It goes with the message. */
  override sendEnd(): void {}

  /** Hands one message of the answer to the call, in the form that its codec reads; how many bytes that were. */
  protected pass(contentType: string, body: Uint8Array): number {
    const head = answerFormHead(this.method, this.form.binding, contentType);
    const length = head.length + body.length;
    const message = new Uint8Array(ENVELOPE_BYTES + length);
    message.set(envelopePrefix(0, length));
    message.set(head, ENVELOPE_BYTES);
    message.set(body, ENVELOPE_BYTES + head.length);
    this.call.onData(message, 0, message.length, false);
    return message.length;
  }

  #fields(form: RequestForm): string[] {
    const { call, parts } = this;
    const own = metadataFields(call, parts);
    const fields = leadingFields(call, parts, form.httpMethod, form.path);
    if (findField(own, "accept") === undefined) fields.push("accept", this.accept(form));
    if (this.mayBeCompressed) fields.push("accept-encoding", ACCEPT_ENCODING);
    if (this.#leftMs !== Number.POSITIVE_INFINITY)
      fields.push("connect-timeout-ms", formatConnectTimeout(this.#leftMs));
    fields.push(...own);
    return fields;
  }
}

export function isSuccess({ status }: ResponseHead): boolean {
  return status >= 200 && status < 300;
}

/** Fields of the answer that have been dealt with. */
export function isEncoding(name: string): boolean {
  return name === "content-encoding" || name === "grpc-encoding";
}
