/**
 * Which protocol an attempt speaks on the connection that it got.
 */
import type { Session } from "../../connection/session.ts";
import type { ClientCall } from "../call.ts";
import type { ClientParts } from "../layer.ts";
import type { ClientProtocolName } from "../options.ts";
import { ConnectStreamTranslator } from "./connect-stream.ts";
import { ConnectUnaryTranslator } from "./connect-unary.ts";
import { GrpcWebTranslator } from "./grpc-web.ts";
import type { Begin, Translator } from "./translator.ts";

/** Undefined where the call itself speaks what is wanted: gRPC over HTTP/2. */
export function createTranslator(
  session: Session,
  call: ClientCall,
  parts: ClientParts,
  begin: Begin,
): Translator | undefined {
  switch (protocolOn(session, parts.protocol)) {
    case "grpc":
      return undefined;
    case "grpc-web":
      return new GrpcWebTranslator(call, parts, begin);
    case "connect":
      return call.method.desc.methodKind === "unary"
        ? new ConnectUnaryTranslator(call, parts, begin)
        : new ConnectStreamTranslator(call, parts, begin);
  }
}

function protocolOn(session: Session, wanted: ClientProtocolName): Exclude<ClientProtocolName, "auto"> {
  if (wanted !== "auto") return wanted;
  return session.httpVersion === "2" ? "grpc" : "connect";
}
