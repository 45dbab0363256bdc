/**
 * Which protocol a request speaks, by its method and content type. Worked out once per header block, which over
 * HTTP/2 is the same object in call after call.
 */
import { HeddleError } from "../call/errors.ts";
import type { ServerCall } from "./call.ts";
import type { HttpRefusal } from "./http-refusal.ts";
import type { ServerParts } from "./layer.ts";
import type { ProtocolRequest, ServerProtocol } from "./protocol.ts";
import { grpc, isGrpc } from "./protocols/grpc.ts";

export interface ChosenProtocol {
  readonly protocol: ServerProtocol;
  readonly request: ProtocolRequest;
}

export function isRefusal(choice: ChosenProtocol | HttpRefusal): choice is HttpRefusal {
  return "status" in choice;
}

export function chooseProtocol(call: ServerCall, parts: ServerParts): ChosenProtocol | HttpRefusal {
  const { head } = call;
  head.memo ??= choose(call, parts);
  return head.memo as ChosenProtocol | HttpRefusal;
}

function choose({ head, httpVersion }: ServerCall, parts: ServerParts): ChosenProtocol | HttpRefusal {
  const { method, contentType } = head;
  if (method !== "POST")
    return {
      status: 405,
      fields: ["allow", "POST"],
      error: () => new HeddleError("httpMethod", { httpMethod: method }),
    };
  if (isGrpc(contentType) && httpVersion === "2")
    return { protocol: grpc, request: grpc.readRequest(head, parts) };
  return { status: 415, fields: [], error: () => new HeddleError("contentType", { contentType }) };
}
