/**
 * Plain HTTP with JSON, by the binding of the method: what calls with one answer and with a stream of them have in common.
 *
 * The request has been written by the method's codec (`contract/rest/rest-method.ts`); here it gets its head. What it
 * says beyond the contract is little, for a service that knows nothing of RPCs is asked as well as our own: how long the
 * caller waits, in Connect's words, its metadata and its trace.
 */
import { formatConnectTimeout } from "../../call/connect-timeout.ts";
import { HeddleError } from "../../call/errors.ts";
import { findField } from "../../call/metadata.ts";
import type { Session, SessionStream } from "../../connection/session.ts";
import { streamsRequests } from "../../contract/rest/binding.ts";
import { takesRaw } from "../../contract/rest/http-body.ts";
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
  /** The request, or the first message of a stream of them, once its head has been sent. */
  #form: RequestForm | undefined;

  /** What answers may be, the value of `accept`. */
  protected abstract accept(form: RequestForm): string;
  /** Whether the answer may be compressed: what is read as it comes is not. */
  protected abstract readonly mayBeCompressed: boolean;

  override get needsMessage(): boolean {
    return this.method.desc.methodKind !== "unary" && this.method.opening === undefined;
  }

  protected get method(): RestMethod {
    return this.call.method as RestMethod;
  }

  /** Known when an answer is there. */
  protected get form(): RequestForm {
    return this.#form as RequestForm;
  }

  protected start(session: Session, stream: SessionStream, leftMs: number): void {
    this.#session = session;
    this.#leftMs = leftMs;
    const { opening } = this.method;
    // A callee may speak first.
    if (opening !== undefined) this.#open(stream, readRequestForm(this.method, opening, 0, opening.length));
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
    if (streamsRequests(this.method.desc)) return this.#sendOneOfMany(stream, form);
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

  /** A single request has ended with its message. */
  override sendEnd(stream: SessionStream): void {
    if (streamsRequests(this.method.desc)) this.#session?.sendBody(stream, NOTHING, true);
  }

  #open(stream: SessionStream, form: RequestForm): void {
    const fields = this.#fields(form);
    const contentType = takesLines(form) ? "application/x-ndjson" : form.contentType;
    if (contentType !== "") fields.push("content-type", contentType);
    this.#form = form;
    this.#session?.sendHead(stream, fields, false);
  }

  #sendOneOfMany(stream: SessionStream, form: RequestForm): void {
    const { call } = this;
    if (this.#form === undefined) this.#open(stream, form);
    else if (!isSamePlace(this.#form, form)) {
      const reason = "what stands in path and query must be the same in all messages of a stream";
      return call.abort(new HeddleError("requestInvalid", { method: call.method.name, reason }));
    }
    const piece = takesLines(form) ? lineOf(form.body) : (form.body ?? NOTHING);
    if (piece.length > 0) this.#session?.sendBody(stream, piece, false);
  }

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

function takesLines({ binding }: RequestForm): boolean {
  return !takesRaw(binding);
}

/** The field that is the body may not be there. */
function lineOf(body: Uint8Array = NULL): Uint8Array {
  const line = new Uint8Array(body.length + 1);
  line.set(body);
  line[body.length] = LINE_FEED;
  return line;
}

function isSamePlace(one: RequestForm, other: RequestForm): boolean {
  return one.binding === other.binding && one.path === other.path;
}

const NOTHING = new Uint8Array(0);
const NULL = new TextEncoder().encode("null");
const LINE_FEED = 0x0a;

export function isSuccess({ status }: ResponseHead): boolean {
  return status >= 200 && status < 300;
}

/** Fields of the answer that have been dealt with. */
export function isEncoding(name: string): boolean {
  return name === "content-encoding" || name === "grpc-encoding";
}
