/**
 * A unary Connect call as GET: the message stands in the query, so that browsers and caches between can answer again
 * what has no side effects. The parameters stand in one fixed order, so that equal calls have equal URLs.
 * Source: https://connectrpc.com/docs/protocol#unary-get-request
 */
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";

export interface ConnectQuery {
  /** `v1`; empty when the query does not say. */
  readonly version: string;
  /** Name of the codec; undefined when the query names none. */
  readonly encoding: string | undefined;
  /** Name of the compression; `identity` when the query names none. */
  readonly compression: string;
  /** As it travels: maybe compressed. Undefined when it is missing, or is not the base64 it claims to be. */
  readonly message: Uint8Array | undefined;
}

/** `query` is what follows the question mark. Never throws. */
export function readConnectQuery(query: string): ConnectQuery {
  const parameters = new URLSearchParams(query);
  return {
    version: parameters.get("connect") ?? "",
    encoding: parameters.get("encoding") ?? undefined,
    compression: parameters.get("compression") || "identity",
    message: readMessage(parameters.get("message"), parameters.get("base64") === "1"),
  };
}

/** The query of a call, without question mark. Binary and compressed messages travel as base64, text as it is. */
export function writeConnectQuery(
  encoding: "proto" | "json",
  message: Uint8Array,
  compression?: string,
): string {
  const asText = encoding === "json" && compression === undefined;
  const value = asText ? encodeURIComponent(new TextDecoder().decode(message)) : base64Encode(message, "url");
  return [
    "connect=v1",
    ...(asText ? [] : ["base64=1"]),
    ...(compression === undefined ? [] : [`compression=${encodeURIComponent(compression)}`]),
    `encoding=${encoding}`,
    `message=${value}`,
  ].join("&");
}

function readMessage(value: string | null, isBase64: boolean): Uint8Array | undefined {
  if (value === null) return undefined;
  if (!isBase64) return new TextEncoder().encode(value);
  try {
    // A plus sign that was not escaped has been read as a space.
    return base64Decode(value.replaceAll(" ", "+"));
  } catch {
    return undefined;
  }
}
