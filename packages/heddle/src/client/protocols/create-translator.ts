/**
 * The translator of an attempt that does not speak gRPC over HTTP/2, which needs none.
 */
import type { ClientCall } from "../call.ts";
import type { ClientParts } from "../layer.ts";
import { ConnectStreamTranslator } from "./connect-stream.ts";
import { ConnectUnaryTranslator } from "./connect-unary.ts";
import { GrpcWebTranslator } from "./grpc-web.ts";
import { RestStreamTranslator } from "./rest-stream.ts";
import { RestUnaryTranslator } from "./rest-unary.ts";
import type { Begin, Translator } from "./translator.ts";

/** gRPC-Web or REST where it is asked for, else Connect: `auto` comes here only over HTTP/1.1. */
export function createTranslator(call: ClientCall, parts: ClientParts, begin: Begin): Translator {
  if (parts.protocol === "grpc-web") return new GrpcWebTranslator(call, parts, begin);
  const { methodKind } = call.method.desc;
  if (parts.protocol === "rest")
    return methodKind === "unary" || methodKind === "client_streaming"
      ? new RestUnaryTranslator(call, parts, begin)
      : new RestStreamTranslator(call, parts, begin);
  return methodKind === "unary"
    ? new ConnectUnaryTranslator(call, parts, begin)
    : new ConnectStreamTranslator(call, parts, begin);
}
