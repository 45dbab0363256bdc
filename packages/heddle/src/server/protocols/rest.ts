/**
 * REST: a call over plain HTTP, by the binding that its method and path lead to. The status says how it went, an error is
 * a problem (RFC 9457), and an answer is JSON, or the bytes of a `google.api.HttpBody`.
 *
 * One object per request head: unlike the other protocols, what a request is depends on its path.
 */
import { create, isMessage, type Message } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { parseConnectTimeout } from "../../call/connect-timeout.ts";
import { HeddleError } from "../../call/errors.ts";
import { type Fields, findField, toFields } from "../../call/metadata.ts";
import type { InboxMessage } from "../../connection/inbox.ts";
import { toOutgoing } from "../../connection/outgoing-message.ts";
import { type Method, methodOf } from "../../contract/method.ts";
import type { AnswerPlan } from "../../contract/rest/answer-plan.ts";
import { compressedTag } from "../../contract/rest/entity-tag.ts";
import { streamsRequests } from "../../contract/rest/binding.ts";
import { answersRaw, type RawBody } from "../../contract/rest/http-body.ts";
import { type JsonText, readRequest } from "../../contract/rest/read-request.ts";
import { writeResponseText } from "../../contract/rest/response-body.ts";
import { FLAG_COMPRESSED } from "../../wire/envelope-reader.ts";
import type { RequestHead } from "../../wire/http2/head.ts";
import type { RequestReader, ServerCall } from "../call.ts";
import type { ServerParts } from "../layer.ts";
import { ownHeader } from "../own-metadata.ts";
import type { ProtocolRequest, ServerProtocol } from "../protocol.ts";
import { takesText } from "../text-sender.ts";
import { encodingFailure } from "../unsendable.ts";
import { toProtocolRequest } from "./protocol-request.ts";
import { judgeTag } from "./rest-etag.ts";
import { type AnswerLink, missing, planHead, tagOf, tagOfBytes, withLinks } from "./rest-planned.ts";
import { type Answer, problemAnswer, problemOf } from "./rest-problem.ts";
import { decodeRestMessage, RestLines } from "./rest-lines.ts";
import { RestReader, type RestTarget } from "./rest-reader.ts";
import { type StreamForm, streamForms } from "./rest-stream.ts";

export class RestExchange implements ServerProtocol {
  readonly name = "rest";
  readonly #target: RestTarget;
  readonly #stream: StreamForm | undefined;
  readonly #isHal: boolean;
  #request: Message | undefined = undefined;

  /** `answerType` is what the caller wants of `answerTypes`. */
  constructor(target: RestTarget, answerType: string) {
    this.#target = target;
    this.#stream = isStreamed(target) ? streamForms.get(answerType) : undefined;
    this.#isHal = answerType === HAL_TYPE;
  }

  readRequest({ fields }: RequestHead, parts: ServerParts): ProtocolRequest {
    const { method } = this.#target.binding;
    const request = toProtocolRequest(
      {
        path: methodOf(method).path,
        form: "json",
        timeout: findField(fields, "connect-timeout-ms"),
        parseTimeout: parseConnectTimeout,
        encoding: findField(fields, "content-encoding"),
        // What is read as it comes is not compressed: that would hold it up.
        accept: isStreamed(this.#target) ? undefined : findField(fields, "accept-encoding"),
      },
      parts,
    );
    const { requestEncoding } = request;
    if (requestEncoding === undefined || !streamsRequests(method)) return request;
    const params = { encoding: requestEncoding.name, supported: "none for a stream" };
    return { ...request, fault: () => new HeddleError("compressionUnsupported", params) };
  }

  readSingle(
    call: ServerCall,
    method: Method,
    onRequest: (call: ServerCall, request: Message) => void,
  ): RequestReader {
    return new RestReader(call, method, this.#target, onRequest);
  }

  wrapReader(call: ServerCall, reader: RequestReader): RequestReader {
    return new RestLines(call, this.#target, reader);
  }

  decodeMessage(call: ServerCall, message: InboxMessage): Message {
    return decodeRestMessage(call, this.#target, message);
  }

  /** The first message of a stream of HttpBody says its type. */
  writeHead(call: ServerCall): void {
    if (this.#stream !== undefined) this.#writeStreamHead(call, this.#stream.contentType);
  }

  writeMessage(call: ServerCall, message: Message): void {
    const body = this.#write(call, message);
    if (body.kind === "raw") {
      this.#writeStreamHead(call, body.contentType || UNKNOWN_TYPE);
      return call.sendBody(body.data);
    }
    if (this.#stream === undefined) return;
    const { payload } = toOutgoing(this.#stream.message(body.text), undefined, call.parts);
    call.sendBody(payload);
  }

  writeOutcome(call: ServerCall): void {
    if (call.over) return;
    if (call.headWritten) this.#endStream(call);
    else if (call.error === undefined && isStreamed(this.#target)) {
      this.#writeStreamHead(call, this.#stream?.contentType ?? UNKNOWN_TYPE);
      this.#endStream(call);
    } else this.#writeWhole(call);
    call.flush();
  }

  #writeStreamHead(call: ServerCall, contentType: string): void {
    if (call.headWritten) return;
    const own = ownHeader(call);
    const always = missing(own, this.#target.plan?.always ?? []);
    const common = this.#stream === undefined ? COMMON_RAW : COMMON;
    call.headWritten = true;
    call.sendHead(200, [
      "content-type",
      contentType,
      "cache-control",
      "no-cache",
      ...common,
      ...always,
      ...own,
    ]);
  }

  #endStream(call: ServerCall): void {
    const { error, parts } = call;
    const last =
      error === undefined
        ? this.#stream?.end()
        : this.#stream?.error(JSON.stringify(problemOf(call, error, parts, this.#target)));
    if (last !== undefined && last.length > 0) call.sendBody(last);
    call.sendEnd();
  }

  /** Status, fields and body at once. */
  #writeWhole(call: ServerCall): void {
    const answer = this.#answer(call) ?? problemAnswer(call, call.error as ConnectError, this.#target);
    call.headWritten = true;
    const { body } = answer;
    const fields = body === undefined ? [] : ["content-length", String(body.length)];
    call.sendHead(answer.status, [...answer.fields, ...fields, ...COMMON]);
    if (typeof body === "string" && takesText(call)) call.sendText(body);
    else if (body !== undefined) call.sendBody(typeof body === "string" ? UTF8.encode(body) : body);
    call.sendEnd();
  }

  /** Undefined when the call has failed, be it only now. */
  #answer(call: ServerCall): Answer | undefined {
    const response = call.takeResponse();
    if (call.error !== undefined || response === undefined) return undefined;
    const own = [...ownHeader(call), ...(call.ownResponseTrailer ? toFields(call.ownResponseTrailer) : [])];
    const { binding, plan } = this.#target;
    const isEmpty = binding.method.output.typeName === EMPTY && binding.responseBody === undefined;
    try {
      if (plan !== undefined) return this.#answerByPlan(call, plan, response, own, isEmpty);
      const fields = call.parts.sendEncodings.length === 0 ? own : [...own, "vary", "accept-encoding"];
      const state = judgeTag(call.head, findField(own, "etag"));
      if (state === "fresh") return { status: 304, fields, body: undefined };
      if (state === "other") throw this.#notWanted();
      const isMade = findField(own, "location") !== undefined && call.head.method === "POST";
      if (isEmpty) return { status: isMade ? 201 : 204, fields, body: undefined };
      return this.#wholeText(call, isMade ? 201 : 200, fields, response);
    } catch (cause) {
      call.error = encodingFailure(call, cause);
      return undefined;
    }
  }

  /** Throws `preconditionFailed`, and what protobuf-es throws. */
  #answerByPlan(
    call: ServerCall,
    plan: AnswerPlan,
    response: Message,
    own: Fields,
    isEmpty: boolean,
  ): Answer {
    const { head, parts } = call;
    const answer = isMessage(response) ? response : create(this.#target.binding.method.output, response);
    const { fields, links, location } = planHead(plan, answer, {
      target: head.path,
      own,
      request: () => this.#requestOf(call),
      isCompressible: parts.sendEncodings.length > 0,
    });
    const ownTag = findField(own, "etag");
    let tag = ownTag ?? tagOf(plan, answer, this.#isHal ? "hal" : "");
    let content: Content | undefined;
    if (tag === undefined && plan.tag === "bytes" && !isEmpty) {
      content = this.#content(call, answer, links);
      tag = tagOfBytes(content.plain);
    }
    const state = judgeTag(head, tag);
    if (state === "other") throw this.#notWanted();
    const tagged = (of: string | undefined) =>
      of === undefined || ownTag !== undefined ? fields : ["etag", of, ...fields];
    if (state === "fresh") return { status: 304, fields: tagged(tag), body: undefined };
    const isMade = location !== undefined && head.method === "POST";
    if (isEmpty) return { status: isMade ? 201 : 204, fields: tagged(tag), body: undefined };
    content ??= this.#content(call, answer, links);
    const whole = this.#whole(call, isMade ? 201 : 200, [], content);
    const coding = findField(whole.fields, "content-encoding");
    const sent = tag !== undefined && coding !== undefined ? compressedTag(tag, coding) : tag;
    return { ...whole, fields: [...whole.fields, ...tagged(sent)] };
  }

  #content(call: ServerCall, message: Message, links: readonly AnswerLink[] = []): Content {
    return this.#contentOf(this.#write(call, message), links);
  }

  #contentOf(content: JsonText | RawBody, links: readonly AnswerLink[] = []): Content {
    if (content.kind === "raw")
      return { type: content.contentType || UNKNOWN_TYPE, plain: content.data, isRaw: true };
    const plain = UTF8.encode(content.text);
    return this.#isHal
      ? { type: HAL_TYPE, plain: withLinks(plain, links), isRaw: false }
      : { type: JSON_TYPE, plain, isRaw: false };
  }

  /** As text where that is what leaves: short of bytes, compression and a limit that it might pass. */
  #wholeText(call: ServerCall, status: number, fields: Fields, response: Message): Answer {
    const body = this.#write(call, response);
    if (
      body.kind === "text" &&
      !this.#isHal &&
      call.responseEncoding === undefined &&
      takesText(call) &&
      Buffer.byteLength(body.text) === body.text.length &&
      body.text.length <= call.parts.maxSendBytes
    )
      return { status, fields: ["content-type", JSON_TYPE, ...fields], body: body.text };
    return this.#whole(call, status, fields, this.#contentOf(body));
  }

  /** Compressed where the caller wants it and it is worth it. */
  #whole(call: ServerCall, status: number, fields: Fields, { type, plain, isRaw }: Content): Answer {
    const { flag, payload } = toOutgoing(plain, call.responseEncoding, call.parts);
    const encoding = flag === FLAG_COMPRESSED ? ["content-encoding", call.responseEncoding?.name ?? ""] : [];
    const ranges = isRaw ? NO_RANGES : [];
    return { status, fields: ["content-type", type, ...encoding, ...ranges, ...fields], body: payload };
  }

  /** What path and query of the request say; it is the same for all calls with this head. */
  #requestOf({ parts }: ServerCall): Message {
    const { binding, captured, query } = this.#target;
    this.#request ??= readRequest(binding, { captured, query, body: undefined }, parts.router.registry);
    return this.#request;
  }

  #notWanted(): HeddleError {
    const { method } = this.#target.binding;
    const reason = "none of the tags in if-match is the current one";
    return new HeddleError("preconditionFailed", {
      method: `${method.parent.typeName}/${method.name}`,
      reason,
    });
  }

  #write(call: ServerCall, message: Message) {
    const { router, rest } = call.parts;
    const options = { registry: router.registry, alwaysEmitImplicit: rest?.emitZeroValues ?? false };
    return writeResponseText(this.#target.binding, message, options);
  }
}

/** What an answer of the binding may be, the one that it mostly is first; undefined when only its handler knows. */
export function answerTypes(target: RestTarget): readonly string[] | undefined {
  if (answersRaw(target.binding)) return undefined;
  if (isStreamed(target)) return [...streamForms.keys()];
  return target.plan?.hal === true ? JSON_OR_HAL : ONLY_JSON;
}

interface Content {
  readonly type: string;
  readonly plain: Uint8Array;
  readonly isRaw: boolean;
}

function isStreamed({ binding }: RestTarget): boolean {
  const { methodKind } = binding.method;
  return methodKind === "server_streaming" || methodKind === "bidi_streaming";
}

const EMPTY = "google.protobuf.Empty";
const JSON_TYPE = "application/json";
const HAL_TYPE = "application/hal+json";
const ONLY_JSON = [JSON_TYPE];
const JSON_OR_HAL = [JSON_TYPE, HAL_TYPE];
const UNKNOWN_TYPE = "application/octet-stream";
/** Nobody is to guess that JSON is a page. */
const COMMON: Fields = ["x-content-type-options", "nosniff"];
/** Downloads go on from the beginning: RFC 9110 §14.3 */
const NO_RANGES: Fields = ["accept-ranges", "none"];
const COMMON_RAW: Fields = [...COMMON, ...NO_RANGES];
const UTF8 = new TextEncoder();
