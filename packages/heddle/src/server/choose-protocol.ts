/**
 * Which protocol a request speaks, by its method and content type, and how a request is refused that speaks none of
 * them. Worked out once per header block, which over HTTP/2 is the same object in call after call.
 */
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { readConnectQuery } from "../call/connect-query.ts";
import { HeddleError } from "../call/errors.ts";
import type { ServerCall } from "./call.ts";
import { chooseRest } from "./choose-rest.ts";
import { chooseWebSocket } from "./choose-web-socket.ts";
import { type HttpPage, pageOf } from "./http-page.ts";
import type { HttpRefusal } from "./http-refusal.ts";
import type { ServerParts } from "./layer.ts";
import type { ProtocolRequest, ServerProtocol } from "./protocol.ts";
import { isConnectStream, isConnectUnary, pathOf, queryOf } from "./protocols/connect-request.ts";
import { connectStream } from "./protocols/connect-stream.ts";
import { connectGet, connectUnary } from "./protocols/connect-unary.ts";
import { grpc, isGrpc } from "./protocols/grpc.ts";
import { grpcWeb, isGrpcWeb } from "./protocols/grpc-web.ts";
import type { Route } from "./router.ts";

export interface ChosenProtocol {
  readonly protocol: ServerProtocol;
  readonly request: ProtocolRequest;
}

/** It is no call, but asks for one of the server's pages. */
export interface ChosenPage {
  readonly page: HttpPage;
}

export type Choice = ChosenProtocol | ChosenPage | HttpRefusal;

export function isRefusal(choice: Choice): choice is HttpRefusal {
  return "status" in choice;
}

export function isPage(choice: Choice): choice is ChosenPage {
  return "page" in choice;
}

export function chooseProtocol(call: ServerCall, parts: ServerParts): Choice {
  const { head } = call;
  head.memo ??= choose(call, parts);
  return head.memo as Choice;
}

function choose(call: ServerCall, parts: ServerParts): Choice {
  const { head, httpVersion } = call;
  const { method, contentType } = head;
  const path = pathOf(head.path);
  if (call.isWebSocket) return chooseWebSocket(call, parts, path);
  const route = parts.router.find(path);
  if (route === undefined && parts.rest !== undefined && pageOf(parts.pages, path) === undefined) {
    const choice = chooseRest(call, parts, parts.rest, path);
    if (choice !== undefined) return choice;
  }
  const protocol = protocolOf(call, route);
  if (protocol !== undefined) return { protocol, request: protocol.readRequest(head, parts) };
  const page = route === undefined ? pageOf(parts.pages, path) : undefined;
  if (page !== undefined) {
    if (method === "GET" || method === "HEAD") return { page };
    const error = () => new HeddleError("httpMethod", { httpMethod: method, path });
    return { status: 405, fields: ["allow", "GET, HEAD"], error };
  }
  if (route === undefined) {
    const error = () => new HeddleError("methodUnknown", { path, served: parts.router.servedNear(path) });
    return { status: 404, fields: [], error };
  }
  if (method !== "POST" && !(method === "GET" && allowsGet(route)))
    return {
      status: 405,
      fields: ["allow", allowsGet(route) ? "GET, POST" : "POST"],
      error: () => new HeddleError("httpMethod", { httpMethod: method, path }),
    };
  return {
    status: 415,
    fields: ["accept-post", acceptedTypes(route, httpVersion)],
    error: () => new HeddleError("contentType", { contentType, path, reason: mismatch(call, route) }),
  };
}

/** What a person with curl in hand should do; `accept-post` has the rest. */
function mismatch({ head, httpVersion }: ServerCall, route: Route): string {
  if (head.method === "GET") return "a GET says encoding=json or encoding=proto in its query, and message=";
  if (httpVersion !== "2" && isGrpc(head.contentType))
    return "gRPC needs HTTP/2; over HTTP/1.1 there are gRPC-Web and Connect";
  return isUnary(route)
    ? "JSON is application/json"
    : "it streams, and JSON is application/connect+json, in envelopes";
}

function protocolOf({ head, httpVersion }: ServerCall, route: Route | undefined): ServerProtocol | undefined {
  const { method, contentType, path } = head;
  if (method === "GET") {
    if (route === undefined || !allowsGet(route)) return undefined;
    const { encoding } = readConnectQuery(queryOf(path));
    return encoding === "proto" || encoding === "json" ? connectGet : undefined;
  }
  if (method !== "POST") return undefined;
  if (isGrpc(contentType)) return httpVersion === "2" ? grpc : undefined;
  if (isGrpcWeb(contentType)) return grpcWeb;
  // A path that nobody answers has no kind; the protocol says then that it is unknown.
  if (isConnectUnary(contentType)) return route === undefined || isUnary(route) ? connectUnary : undefined;
  if (isConnectStream(contentType)) return route === undefined || !isUnary(route) ? connectStream : undefined;
  return undefined;
}

function isUnary({ method }: Route): boolean {
  return method.desc.methodKind === "unary";
}

function allowsGet(route: Route): boolean {
  return isUnary(route) && route.method.desc.idempotency === Idempotency.NO_SIDE_EFFECTS;
}

/** The value of `accept-post` (W3C, Linked Data Platform §7.1). */
function acceptedTypes(route: Route, httpVersion: ServerCall["httpVersion"]): string {
  return [
    ...(httpVersion === "2" ? ["application/grpc", "application/grpc+proto", "application/grpc+json"] : []),
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web+json",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
    ...(isUnary(route)
      ? ["application/proto", "application/json"]
      : ["application/connect+proto", "application/connect+json"]),
  ].join(", ");
}
