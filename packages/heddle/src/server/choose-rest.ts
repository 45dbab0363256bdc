/**
 * What becomes of a request whose path is no RPC's and no page's: a call by the REST binding that it leads to, or a
 * refusal as HTTP has it, told as a problem.
 */
import { HeddleError } from "../call/errors.ts";
import { findField } from "../call/metadata.ts";
import { hasNoBody, streamsRequests } from "../contract/rest/binding.ts";
import { takesRaw } from "../contract/rest/http-body.ts";
import { isLinesType } from "../contract/rest/json-type.ts";
import type { RequestHead } from "../wire/http2/head.ts";
import type { ServerCall } from "./call.ts";
import type { Choice } from "./choose-protocol.ts";
import type { HttpRefusal } from "./http-refusal.ts";
import type { ServerParts } from "./layer.ts";
import { malformedPath, problemRefusal, unknownPath } from "./path-refusal.ts";
import { chooseType } from "./protocols/accept.ts";
import { queryOf } from "./protocols/connect-request.ts";
import { answerTypes, RestExchange } from "./protocols/rest.ts";
import { LINES_TYPE_REASON } from "./protocols/rest-lines.ts";
import { isJson, otherType, type RestTarget, takesJson } from "./protocols/rest-reader.ts";
import type { RestRoutes } from "./rest-routes.ts";

/** Undefined when no binding has the path, and the request speaks a protocol that has its own words for that. */
export function chooseRest(
  { head, httpVersion }: ServerCall,
  parts: ServerParts,
  { router, plans }: RestRoutes,
  path: string,
): Choice | undefined {
  const { method, contentType, contentLength } = head;
  const found = router.find(method, path);
  if (found.kind === "unknown") {
    if (speaksRpc(head)) return undefined;
    return unknownPath(path, parts);
  }
  if (found.kind === "malformed") return malformedPath(path, found.reason);
  if (found.kind === "method") {
    const allow = ["allow", [...found.allowed, "OPTIONS"].toSorted().join(", ")];
    if (method === "OPTIONS") {
      const answer = { status: 204, contentType: "", body: "", fields: allow };
      return { page: { path, answer: () => answer } };
    }
    return problemRefusal(405, () => new HeddleError("httpMethod", { httpMethod: method, path }), allow);
  }
  const target: RestTarget = { ...found, query: queryOf(head.path), plan: plans.get(found.binding) };
  const offered = answerTypes(target);
  const accept = findField(head.fields, "accept");
  const answerType = offered === undefined ? "" : chooseType(accept, offered);
  if (answerType === undefined) {
    const params = { contentType: accept ?? "", path, reason: `its answer is ${offered?.join(", or ")}` };
    return problemRefusal(406, () => new HeddleError("contentType", params));
  }
  if (streamsRequests(target.binding.method)) {
    const fault = streamFault(target, head, httpVersion);
    if (fault !== undefined) return fault;
  }
  // Whoever sends a type with an empty body means no harm.
  if (
    takesJson(target) &&
    !streamsRequests(target.binding.method) &&
    contentType !== "" &&
    contentLength !== 0 &&
    !isJson(contentType)
  ) {
    const params = { contentType, path, reason: otherType(contentType) };
    return problemRefusal(415, () => new HeddleError("contentType", params), ["accept", "application/json"]);
  }
  const protocol = new RestExchange(target, answerType);
  return { protocol, request: protocol.readRequest(head, parts) };
}

/** Why a stream of requests cannot come like this. */
function streamFault(
  { binding }: RestTarget,
  { contentType, contentLength, path }: RequestHead,
  httpVersion: ServerCall["httpVersion"],
): HttpRefusal | undefined {
  const isBidi = binding.method.methodKind === "bidi_streaming";
  if (hasNoBody(binding) || (isBidi && httpVersion !== "2")) {
    const reason = hasNoBody(binding)
      ? `a stream of requests by ${binding.httpMethod} is a WebSocket`
      : "a stream both ways is a WebSocket over HTTP/1.1, and lines over HTTP/2";
    // HTTP/2 has no such field (RFC 9113 §8.2.2).
    const fields = httpVersion === "2" ? [] : ["upgrade", "websocket"];
    return problemRefusal(426, () => new HeddleError("contentType", { contentType, path, reason }), fields);
  }
  if (takesRaw(binding) || contentType === "" || contentLength === 0 || isLinesType(contentType))
    return undefined;
  const params = { contentType, path, reason: LINES_TYPE_REASON };
  return problemRefusal(415, () => new HeddleError("contentType", params), [
    "accept",
    "application/x-ndjson",
  ]);
}

/** Connect's clients name its version; without that, JSON to a path that nobody answers is a page's or a person's. */
function speaksRpc({ contentType, fields }: RequestHead): boolean {
  return RPC_TYPE.test(contentType) || findField(fields, "connect-protocol-version") !== undefined;
}

const RPC_TYPE = /^application\/(?:grpc|proto|connect\+)/i;
