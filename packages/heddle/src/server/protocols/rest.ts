/**
 * REST: a call over plain HTTP, by the binding that its method and path lead to. The status says how it went, an error is
 * a problem (RFC 9457), and an answer is JSON, or the bytes of a `google.api.HttpBody`.
 *
 * One object per request head: unlike the other protocols, what a request is depends on its path.
 */
import type { Message } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { parseConnectTimeout } from "../../call/connect-timeout.ts";
import { type Fields, findField, toFields } from "../../call/metadata.ts";
import { toOutgoing } from "../../connection/outgoing-message.ts";
import type { Method } from "../../contract/method.ts";
import { httpStatusOfError } from "../../contract/rest/http-status.ts";
import { rawBodyOf } from "../../contract/rest/http-body.ts";
import { PROBLEM_TYPE, writeProblem } from "../../contract/rest/problem.ts";
import { writeResponse } from "../../contract/rest/response-body.ts";
import { retryDelayMs, writeRetryAfter } from "../../contract/rest/retry-after.ts";
import { FLAG_COMPRESSED } from "../../wire/envelope-reader.ts";
import type { RequestHead } from "../../wire/http2/head.ts";
import type { RequestReader, ServerCall } from "../call.ts";
import type { ServerParts } from "../layer.ts";
import { errorMetadata, ownHeader } from "../own-metadata.ts";
import type { ProtocolRequest, ServerProtocol } from "../protocol.ts";
import { encodingFailure } from "../unsendable.ts";
import { toProtocolRequest } from "./protocol-request.ts";
import { isFresh } from "./rest-etag.ts";
import { RestReader, type RestTarget } from "./rest-reader.ts";
import { type StreamForm, streamForms } from "./rest-stream.ts";

export class RestExchange implements ServerProtocol {
  readonly name = "rest";
  readonly #target: RestTarget;
  readonly #stream: StreamForm | undefined;

  /** `answerType` is what the caller wants of `answerTypes`. */
  constructor(target: RestTarget, answerType: string) {
    this.#target = target;
    this.#stream = isStreamed(target) ? streamForms.get(answerType) : undefined;
  }

  readRequest({ fields }: RequestHead, parts: ServerParts): ProtocolRequest {
    const { method } = this.#target.binding;
    return toProtocolRequest(
      {
        path: `/${method.parent.typeName}/${method.name}`,
        form: "json",
        timeout: findField(fields, "connect-timeout-ms"),
        parseTimeout: parseConnectTimeout,
        encoding: findField(fields, "content-encoding"),
        // What is read as it comes is not compressed: that would hold it up.
        accept: isStreamed(this.#target) ? undefined : findField(fields, "accept-encoding"),
      },
      parts,
    );
  }

  readSingle(
    call: ServerCall,
    method: Method,
    onRequest: (call: ServerCall, request: Message) => void,
  ): RequestReader {
    return new RestReader(call, method, this.#target, onRequest);
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
    const { payload } = toOutgoing(this.#stream.message(JSON.stringify(body.json)), undefined, call.parts);
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
    call.headWritten = true;
    call.sendHead(200, ["content-type", contentType, "cache-control", "no-cache", ...COMMON, ...own]);
  }

  #endStream(call: ServerCall): void {
    const { error, parts } = call;
    const last =
      error === undefined
        ? this.#stream?.end()
        : this.#stream?.error(JSON.stringify(problemOf(call, error, parts)));
    if (last !== undefined && last.length > 0) call.sendBody(last);
    call.sendEnd();
  }

  /** Status, fields and body at once. */
  #writeWhole(call: ServerCall): void {
    const answer = this.#answer(call) ?? problemAnswer(call, call.error as ConnectError);
    call.headWritten = true;
    const { body } = answer;
    const fields = body === undefined ? [] : ["content-length", String(body.length)];
    call.sendHead(answer.status, [...answer.fields, ...fields, ...COMMON]);
    if (body !== undefined) call.sendBody(body);
    call.sendEnd();
  }

  /** Undefined when the call has failed, be it only now. */
  #answer(call: ServerCall): Answer | undefined {
    const response = call.takeResponse();
    if (call.error !== undefined || response === undefined) return undefined;
    const own = [...ownHeader(call), ...(call.ownResponseTrailer ? toFields(call.ownResponseTrailer) : [])];
    const { sendEncodings, maxSendBytes } = call.parts;
    const fields = sendEncodings.length === 0 ? own : [...own, "vary", "accept-encoding"];
    if (isFresh(call.head, findField(own, "etag"))) return { status: 304, fields, body: undefined };
    const status = findField(own, "location") !== undefined && call.head.method === "POST" ? 201 : 200;
    const { binding } = this.#target;
    if (binding.method.output.typeName === EMPTY && binding.responseBody === undefined)
      return { status: status === 201 ? 201 : 204, fields, body: undefined };
    try {
      const content = this.#write(call, response);
      const [type, plain] =
        content.kind === "raw"
          ? [content.contentType || UNKNOWN_TYPE, content.data]
          : [JSON_TYPE, UTF8.encode(JSON.stringify(content.json))];
      const { flag, payload } = toOutgoing(plain, call.responseEncoding, { ...call.parts, maxSendBytes });
      const encoding =
        flag === FLAG_COMPRESSED ? ["content-encoding", call.responseEncoding?.name ?? ""] : [];
      return { status, fields: ["content-type", type, ...encoding, ...fields], body: payload };
    } catch (cause) {
      call.error = encodingFailure(call, cause);
      return undefined;
    }
  }

  #write(call: ServerCall, message: Message) {
    const { router, rest } = call.parts;
    const options = { registry: router.registry, alwaysEmitImplicit: rest?.emitZeroValues ?? false };
    return writeResponse(this.#target.binding, message, options);
  }
}

/** What an answer of the binding may be, the one that it mostly is first; undefined when only its handler knows. */
export function answerTypes(target: RestTarget): readonly string[] | undefined {
  const { method, responseBody } = target.binding;
  if (rawBodyOf(method.output, responseBody) !== undefined) return undefined;
  return isStreamed(target) ? [...streamForms.keys()] : [JSON_TYPE];
}

interface Answer {
  readonly status: number;
  readonly fields: Fields;
  /** Undefined when the status has none. */
  readonly body: Uint8Array | undefined;
}

function isStreamed({ binding }: RestTarget): boolean {
  return binding.method.methodKind === "server_streaming";
}

function problemAnswer(call: ServerCall, error: ConnectError): Answer {
  const problem = problemOf(call, error, call.parts);
  const fields = [...errorMetadata(error), ...ownHeader(call)];
  const { status } = problem;
  const hasOwn = (name: string) => findField(fields, name) !== undefined;
  if ((status === 429 || status === 503) && !hasOwn("retry-after")) {
    const delayMs = retryDelayMs(error) ?? call.pushbackMs ?? DEFAULT_RETRY_MS;
    if (delayMs >= 0) fields.push("retry-after", writeRetryAfter(delayMs));
  }
  // RFC 9110 §15.5.2: it says how to authenticate.
  if (status === 401 && !hasOwn("www-authenticate")) fields.push("www-authenticate", "Bearer");
  return {
    status,
    fields: ["content-type", PROBLEM_TYPE, "cache-control", "no-store", ...fields],
    body: UTF8.encode(JSON.stringify(problem)),
  };
}

function problemOf(call: ServerCall, error: ConnectError, { router }: ServerParts) {
  const isConditional = CONDITIONS.some((name) => findField(call.head.fields, name) !== undefined);
  const status = httpStatusOfError(error, { isConditional, wasRead: call.headWritten });
  return writeProblem(error, status, router.registry);
}

/** When somebody who was refused for want of room may come again, unless the error knows better. */
const DEFAULT_RETRY_MS = 1000;

const CONDITIONS = ["if-match", "if-unmodified-since", "if-none-match"];
const EMPTY = "google.protobuf.Empty";
const JSON_TYPE = "application/json";
const UNKNOWN_TYPE = "application/octet-stream";
/** Nobody is to guess that JSON is a page. */
const COMMON: Fields = ["x-content-type-options", "nosniff"];
const UTF8 = new TextEncoder();
