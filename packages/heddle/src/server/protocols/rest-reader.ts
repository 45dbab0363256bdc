/**
 * Reads the request of a REST call: its path and its query, and its body where it has one.
 */
import type { Message } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { HeddleError } from "../../call/errors.ts";
import { messageTooLarge } from "../../call/message-limits.ts";
import { toMessageError } from "../../contract/message-error.ts";
import type { Method } from "../../contract/method.ts";
import type { AnswerPlan } from "../../contract/rest/answer-plan.ts";
import type { Binding } from "../../contract/rest/binding.ts";
import { type RawBody, takesRaw } from "../../contract/rest/http-body.ts";
import { type JsonText, readRequest } from "../../contract/rest/read-request.ts";
import { placeWantedTag } from "../../contract/rest/wanted-tag.ts";
import { readUtf8 } from "../../contract/utf8-text.ts";
import { GrowingBody } from "../../wire/growing-body.ts";
import type { RequestHead } from "../../wire/http2/head.ts";
import type { RequestReader, ServerCall } from "../call.ts";
import { joinedField } from "./rest-etag.ts";

/** What the path of a request said, and its query. */
export interface RestTarget {
  readonly binding: Binding;
  readonly captured: readonly string[];
  readonly query: string;
  /** What its contract says of answers besides their body; undefined for nothing, as most do. */
  readonly plan: AnswerPlan | undefined;
}

/** Calls `onRequest` once, or aborts the call. */
export class RestReader implements RequestReader {
  readonly #call: ServerCall;
  readonly #method: Method;
  readonly #target: RestTarget;
  readonly #onRequest: (call: ServerCall, request: Message) => void;
  #body: GrowingBody | undefined = undefined;

  constructor(
    call: ServerCall,
    method: Method,
    target: RestTarget,
    onRequest: (call: ServerCall, request: Message) => void,
  ) {
    this.#call = call;
    this.#method = method;
    this.#target = target;
    this.#onRequest = onRequest;
  }

  onData(bytes: Uint8Array, start: number, end: number): void {
    const call = this.#call;
    call.take(end - start);
    if (call.ended || start === end) return;
    this.#body ??= new GrowingBody();
    const limit = call.parts.maxReceiveBytes;
    // What is announced is not waited for.
    const length = Math.max(this.#body.length + end - start, call.head.contentLength);
    if (length > limit) call.abort(messageTooLarge(length, limit, "received"));
    else this.#body.push(bytes, start, end);
  }

  onEnd(): void {
    const call = this.#call;
    if (call.ended) return;
    let request: Message;
    try {
      const body = this.#body && readContent(call, this.#target.binding, this.#body.whole());
      const { binding, plan } = this.#target;
      request = readRequest(binding, { ...this.#target, body }, call.parts.router.registry);
      if (plan !== undefined) readConditions(call.head, binding, plan, request);
    } catch (error) {
      // Whoever writes JSON by hand learns from the status that it is the message: 400.
      return call.abort(toMessageError(error, this.#method.name, Code.InvalidArgument));
    }
    this.#onRequest(call, request);
  }
}

function readConditions(
  { method, fields }: RequestHead,
  binding: Binding,
  plan: AnswerPlan,
  request: Message,
): void {
  if (method === "GET" || method === "HEAD") return;
  const ifMatch = joinedField(fields, "if-match");
  placeWantedTag(binding, plan, { ifMatch, ifNoneMatch: joinedField(fields, "if-none-match") }, request);
}

function readContent(call: ServerCall, binding: Binding, bytes: Uint8Array): JsonText | RawBody {
  const { contentType } = call.head;
  const plain = call.requestEncoding?.decompress(bytes, call.parts.maxReceiveBytes) ?? bytes;
  if (binding.body.kind === "none") throw new Error("it has no body");
  if (takesRaw(binding)) return { kind: "raw", contentType, data: plain };
  // Without a type it could be a form of another site, which browsers send without asking.
  if (!isJson(contentType))
    throw new HeddleError("contentType", {
      contentType,
      path: call.head.path,
      reason: otherType(contentType),
    });
  return { kind: "text", text: readUtf8(plain) };
}

/** Whether its body, where it has one, is JSON. */
export function takesJson({ binding }: RestTarget): boolean {
  return binding.body.kind !== "none" && !takesRaw(binding);
}

/** Why a body that is not JSON is not read, for who sent it. */
export function otherType(contentType: string): string {
  return /^multipart\//i.test(contentType)
    ? "multipart is not read: send application/json, or a file as the whole body where the contract has an HttpBody"
    : "JSON is application/json";
}

export function isJson(contentType: string): boolean {
  return JSON_TYPE.test(contentType);
}

const JSON_TYPE = /^application\/json\s*(?:$|;\s*charset="?utf-?8"?\s*$)/i;
