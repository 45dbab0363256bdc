/**
 * Methods as a REST client calls them. What its codecs write is no message but the request that it becomes, and what they
 * read is an answer with its content type, so that a call is written once for all attempts and the layers of the client
 * need not know that it is no RPC.
 *
 * Both are texts of one line with the body behind it, which never leave the process:
 *
 *     <number of the binding> <method> <path?query> <- without a body, + with one><content type>
 *     <number of the binding> <content type>
 */
import type { DescMessage, DescMethod, Message, MessageInitShape, Registry } from "@bufbuild/protobuf";
import { HeddleError } from "../../call/errors.ts";
import type { ByteSink } from "../codec/byte-sink.ts";
import { type Codec, codecOf } from "../codec/codec.ts";
import { type Method, methodOf } from "../method.ts";
import { registryOfServices } from "../registry-of-services.ts";
import { type Binding, bindingsOf, createBindings, hasNoBody, streamsRequests } from "./binding.ts";
import { type BindingRouter, createBindingRouter } from "./binding-router.ts";
import { answersRaw, takesRaw } from "./http-body.ts";
import { type BodyContent, readRequest } from "./read-request.ts";
import { readResponse } from "./response-body.ts";
import { standardRule } from "./standard-methods.ts";
import { writeRequest } from "./write-request.ts";

export interface RestMethod extends Method {
  /** Those that a request may be written by; none for a method that plain HTTP does not have. */
  readonly bindings: readonly Binding[];
  /** Knows the types that an `Any` may hold: those of the service's files. */
  readonly registry: Registry;
  /** Where a stream of requests goes, as the input codec writes it, when that depends on none of them. */
  readonly opening: Uint8Array | undefined;
}

export function isRestMethod(method: Method): method is RestMethod {
  return "bindings" in method;
}

export interface RestMethodOptions {
  /** Methods without an annotation get a path by convention. Default false. */
  readonly conventions?: boolean;
  /** Stands before every path, such as `/api`; it has no slash at its end. Default none. */
  readonly basePath?: string;
}

/** Of a descriptor; the same object for the same descriptor. It throws `httpRuleInvalid`. */
export function createRestMethods(options: RestMethodOptions = {}): (desc: DescMethod) => RestMethod {
  const methods = new Map<DescMethod, RestMethod>();
  return (desc) => {
    let method = methods.get(desc);
    if (method === undefined) {
      method = createRestMethod(desc, options);
      methods.set(desc, method);
    }
    return method;
  };
}

/** The request that a message became. */
export interface RequestForm {
  readonly binding: Binding;
  readonly httpMethod: string;
  /** With its query. */
  readonly path: string;
  readonly contentType: string;
  /** Undefined when it has none, which is not the same as an empty one. */
  readonly body: Uint8Array | undefined;
}

/** What the input codec of `method` wrote. The body is a view of `bytes`. */
export function readRequestForm(
  { bindings }: Pick<RestMethod, "bindings">,
  bytes: Uint8Array,
  start: number,
  end: number,
): RequestForm {
  const lineEnd = bytes.indexOf(LINE_FEED, start);
  const line = TEXT.decode(bytes.subarray(start, lineEnd));
  const [index, httpMethod, path] = line.split(" ", 3) as [string, string, string];
  const rest = line.slice(index.length + httpMethod.length + path.length + 3);
  return {
    binding: bindings[Number(index)] as Binding,
    httpMethod,
    path,
    contentType: rest.slice(1),
    body: rest.startsWith("+") ? bytes.subarray(lineEnd + 1, end) : undefined,
  };
}

/** What the output codec of `method` reads before the body of an answer. `contentType`: of a field, so of one line. */
export function answerFormHead({ bindings }: RestMethod, binding: Binding, contentType: string): Uint8Array {
  return UTF8.encode(`${bindings.indexOf(binding)} ${contentType}\n`);
}

function createRestMethod(
  desc: DescMethod,
  { conventions = false, basePath = "" }: RestMethodOptions,
): RestMethod {
  const annotated = bindingsOf(desc);
  const all = annotated.length === 0 && conventions ? createBindings(desc, standardRule(desc)) : annotated;
  const bindings = streamsRequests(desc) ? all.filter((binding) => !hasNoBody(binding)) : all;
  const registry = registryOfServices([desc.parent]);
  const plain = methodOf(desc);
  const input = requestCodec(plain, bindings, registry, basePath);
  return {
    ...plain,
    idempotent:
      plain.idempotent ||
      (bindings.length > 0 && bindings.every(({ httpMethod }) => IDEMPOTENT.has(httpMethod))),
    form: "json",
    bindings,
    registry,
    opening: streamsRequests(desc) && bindings.every(isAlwaysThere) ? openingOf(input) : undefined,
    input,
    output: answerCodec(desc.output, bindings, registry),
  };
}

/** Its path is the same for every message, and there is no query. */
function isAlwaysThere(binding: Binding): boolean {
  return binding.variables.length === 0 && binding.body.kind === "all" && !takesRaw(binding);
}

function openingOf(input: Codec): Uint8Array | undefined {
  try {
    return input.encode({});
  } catch {
    return undefined;
  }
}

/** Methods of HTTP of which repeating does no harm (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "PUT", "DELETE"]);

function requestCodec(
  { name, input }: Method,
  bindings: readonly Binding[],
  registry: Registry,
  basePath: string,
): Codec {
  const encode: Codec["encode"] = (message) => {
    if (bindings.length === 0) throw new HeddleError("requestInvalid", { method: name, reason: NO_RULE });
    const request = writeRequest(bindings, message, registry);
    const { binding, httpMethod, path, query, body } = request;
    const target = `${basePath}${path}${query === "" ? "" : `?${query}`}`;
    const content = body === undefined ? "-" : `+${contentTypeOf(name, body)}`;
    const head = UTF8.encode(`${bindings.indexOf(binding)} ${httpMethod} ${target} ${content}\n`);
    return body === undefined ? head : joined(head, bytesOf(body));
  };
  /** For who wants to know what was sent. */
  const decode: Codec["decode"] = (bytes, start = 0, end = bytes.length) => {
    const { httpMethod, path, contentType, body } = readRequestForm({ bindings }, bytes, start, end);
    const [pathOnly, query = ""] = path.slice(basePath.length).split("?", 2) as [string, string?];
    router ??= createBindingRouter(bindings);
    const found = router.find(httpMethod, pathOnly);
    if (found.kind !== "found") throw new Error("it is no request of the method");
    const { binding, captured } = found;
    const content = body && contentOf(binding, body, contentType);
    return readRequest(binding, { captured, query, body: content }, registry);
  };
  let router: BindingRouter | undefined;
  return { ...codecOf(input.desc), kind: "reflective", encode, encodeInto: into(encode), decode };
}

function contentOf(binding: Binding, bytes: Uint8Array, contentType: string): BodyContent {
  return takesRaw(binding)
    ? { kind: "raw", contentType, data: bytes }
    : { kind: "json", json: JSON.parse(STRICT_UTF8.decode(bytes)) };
}

const NO_RULE =
  "it has no google.api.http rule that plain HTTP can carry; rest.conventions gives one to methods without any";

function contentTypeOf(method: string, body: BodyContent): string {
  const contentType = body.kind === "raw" ? body.contentType : "application/json";
  if (!FIELD_TEXT.test(contentType))
    throw new HeddleError("requestInvalid", { method, reason: "its content type cannot stand in a field" });
  return contentType;
}

function bytesOf(body: BodyContent): Uint8Array {
  return body.kind === "raw" ? body.data : UTF8.encode(JSON.stringify(body.json));
}

function answerCodec(desc: DescMessage, bindings: readonly Binding[], registry: Registry): Codec {
  return {
    ...codecOf(desc),
    kind: "reflective",
    decode(bytes, start = 0, end = bytes.length) {
      const lineEnd = bytes.indexOf(LINE_FEED, start);
      const line = TEXT.decode(bytes.subarray(start, lineEnd));
      const space = line.indexOf(" ");
      const binding = bindings[Number(line.slice(0, space))] as Binding;
      const body = bytes.subarray(lineEnd + 1, end);
      const isRaw = answersRaw(binding);
      // Nothing is said where there is nothing to say: 204, or 201 with a Location.
      if (body.length === 0 && !isRaw) return codecOf(desc).create();
      const content: BodyContent = isRaw
        ? { kind: "raw", contentType: line.slice(space + 1), data: body }
        : { kind: "json", json: JSON.parse(STRICT_UTF8.decode(body)) };
      return readResponse(binding, content, { registry });
    },
  };
}

function into(encode: Codec["encode"]): Codec["encodeInto"] {
  return (message: Message | MessageInitShape<DescMessage>, sink: ByteSink) => {
    const bytes = encode(message);
    sink.ensure(bytes.length);
    sink.bytes.set(bytes, sink.length);
    sink.length += bytes.length;
  };
}

function joined(head: Uint8Array, body: Uint8Array): Uint8Array {
  const whole = new Uint8Array(head.length + body.length);
  whole.set(head);
  whole.set(body, head.length);
  return whole;
}

const LINE_FEED = 0x0a;
const FIELD_TEXT = /^[\x20-\x7e]*$/;
const UTF8 = new TextEncoder();
const TEXT = new TextDecoder();
const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true });
