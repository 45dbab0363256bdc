/**
 * What becomes of a request for a WebSocket: a stream of requests by the REST binding that its path leads to, whatever
 * method of HTTP that has, or a refusal.
 *
 * Browsers let every page open a WebSocket to anywhere, with the cookies of where it goes, and ask nobody. So an origin
 * that is not the server's own has to be among those of `cors`.
 */
import { HeddleError } from "../call/errors.ts";
import { findField } from "../call/metadata.ts";
import { streamsRequests } from "../contract/rest/binding.ts";
import type { RequestHead } from "../wire/http2/head.ts";
import type { ServerCall } from "./call.ts";
import type { Choice } from "./choose-protocol.ts";
import type { ServerParts } from "./layer.ts";
import { malformedPath, problemRefusal, unknownPath } from "./path-refusal.ts";
import { queryOf } from "./protocols/connect-request.ts";
import { RestSocket } from "./protocols/rest-socket.ts";
import type { RestRoutes } from "./rest-routes.ts";

export function chooseWebSocket({ head }: ServerCall, parts: ServerParts, path: string): Choice {
  const origin = findField(head.fields, "origin");
  if (origin !== undefined && !isOwn(origin, head) && parts.cors?.allows(origin) !== true)
    return problemRefusal(403, () => new HeddleError("originRefused", { origin: origin.slice(0, 200) }));
  const { rest } = parts;
  if (rest === undefined) return unknownPath(path, parts);
  const found = rest.router.find("GET", path);
  if (found.kind === "unknown") return unknownPath(path, parts);
  if (found.kind === "malformed") return malformedPath(path, found.reason);
  const methods = found.kind === "method" ? found.allowed : ["GET", "POST", "PUT", "PATCH"];
  const target = streamTarget(methods, path, head, rest);
  if (target === undefined)
    return problemRefusal(400, () => new HeddleError("httpMethod", { httpMethod: "WebSocket", path }));
  const protocol = new RestSocket(target);
  return { protocol, request: protocol.readRequest(head, parts) };
}

function streamTarget(
  methods: readonly string[],
  path: string,
  head: RequestHead,
  { router, plans }: RestRoutes,
) {
  for (const method of methods) {
    const found = router.find(method, path);
    if (found.kind === "found" && streamsRequests(found.binding.method))
      return { ...found, query: queryOf(head.path), plan: plans.get(found.binding) };
  }
  return undefined;
}

/** The page came from here. */
function isOwn(origin: string, { authority }: RequestHead): boolean {
  try {
    return authority !== "" && new URL(origin).host === authority.toLowerCase();
  } catch {
    return false;
  }
}
