/**
 * The suite's service, as its documentation asks for it: each request says how it is to be answered, and the
 * answer says what arrived.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { ConnectError, type HandlerContext, type ServiceImpl } from "heddle";
import { setTimeout as delay } from "node:timers/promises";
import { appendHeaders, toHeaderList, typeNameOf } from "./metadata.ts";
import {
  ConformanceService,
  type Header,
  RequestInfoSchema,
  type RpcError,
  type StreamDefinition,
  type UnaryDefinition,
} from "./schema.ts";

const { method } = ConformanceService;

type RequestInfo = MessageInitShape<typeof RequestInfoSchema>;

/** Without `unimplemented`, which is what that method is about. */
export const conformanceService: Partial<ServiceImpl<typeof ConformanceService>> = {
  async unary(request, context) {
    const info = requestInfo(context, [anyPack(method.unary.input, request)]);
    return { payload: await answer(request.responseDefinition, info, context) };
  },

  async idempotentUnary(request, context) {
    const info = requestInfo(context, [anyPack(method.idempotentUnary.input, request)]);
    return { payload: await answer(request.responseDefinition, info, context) };
  },

  async clientStream(stream, context) {
    const requests: Any[] = [];
    const info = requestInfo(context, requests);
    let definition: UnaryDefinition | undefined;
    for await (const request of stream) {
      if (requests.length === 0) definition = request.responseDefinition;
      requests.push(anyPack(method.clientStream.input, request));
    }
    return { payload: await answer(definition, info, context) };
  },

  async *serverStream(request, context) {
    const { responseDefinition: definition } = request;
    announce(definition, context);
    yield* answers(definition, 0, requestInfo(context, [anyPack(method.serverStream.input, request)]));
  },

  async *bidiStream(stream, context) {
    let definition: StreamDefinition | undefined;
    let fullDuplex: boolean | undefined;
    let unanswered: Any[] = [];
    const info = requestInfo(context, unanswered);
    let sent = 0;
    for await (const request of stream) {
      unanswered.push(anyPack(method.bidiStream.input, request));
      if (fullDuplex === undefined) {
        ({ fullDuplex, responseDefinition: definition } = request);
        announce(definition, context);
      }
      if (!fullDuplex) continue;
      const data = definition?.responseData[sent];
      if (data === undefined) break;
      const arrived = sent === 0 ? info : { requests: unanswered };
      await delay(definition?.responseDelayMs);
      yield { payload: { data, requestInfo: create(RequestInfoSchema, arrived) } };
      unanswered = [];
      sent++;
    }
    yield* answers(definition, sent, info);
  },
};

/** The one answer, or the error in its place. Either says what arrived. */
async function answer(definition: UnaryDefinition | undefined, info: RequestInfo, context: HandlerContext) {
  announce(definition, context);
  if (definition !== undefined) await delay(definition.responseDelayMs);
  const response = definition?.response;
  if (response?.case === "error") throw toConnectError(response.value, info);
  return {
    requestInfo: create(RequestInfoSchema, info),
    ...(response?.case === "responseData" ? { data: response.value } : {}),
  };
}

/** The answers from number `sent` on. The first of all, or the error in its place, says what arrived. */
async function* answers(definition: StreamDefinition | undefined, sent: number, info: RequestInfo) {
  if (definition === undefined) return;
  const { responseData, responseDelayMs, error } = definition;
  for (let i = sent; i < responseData.length; i++) {
    await delay(responseDelayMs);
    const requestInfo = i === 0 ? { requestInfo: create(RequestInfoSchema, info) } : {};
    yield { payload: { data: responseData[i] as Uint8Array, ...requestInfo } };
  }
  if (error !== undefined) throw toConnectError(error, responseData.length === 0 ? info : undefined);
}

function announce(
  definition: { readonly responseHeaders: Header[]; readonly responseTrailers: Header[] } | undefined,
  context: HandlerContext,
): void {
  appendHeaders(context.responseHeader, definition?.responseHeaders ?? []);
  appendHeaders(context.responseTrailer, definition?.responseTrailers ?? []);
}

/** What arrived. Asked for when a handler begins, for the suite compares the time left; `requests` may still grow. */
function requestInfo(context: HandlerContext, requests: Any[]): RequestInfo {
  const timeoutMs = context.timeoutMs();
  return {
    requests,
    requestHeaders: toHeaderList(context.requestHeader),
    ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(Math.round(timeoutMs)) }),
    ...(context.requestMethod === "GET"
      ? { connectGetInfo: { queryParams: toHeaderList(new URL(context.url).searchParams) } }
      : {}),
  };
}

function toConnectError({ code, message, details }: RpcError, info: RequestInfo | undefined): ConnectError {
  const error = new ConnectError(message ?? "", code);
  for (const { typeUrl, value } of details) error.details.push({ type: typeNameOf(typeUrl), value });
  if (info !== undefined) error.details.push({ desc: RequestInfoSchema, value: info });
  return error;
}
