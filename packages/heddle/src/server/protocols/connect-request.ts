/**
 * What the head of a Connect request says: how long the caller waits, and how its messages are written and compressed.
 * Source: https://connectrpc.com/docs/protocol#unary-request and #streaming-request
 */
import { parseConnectTimeout } from "../../call/connect-timeout.ts";
import { HeddleError, isHeddleError } from "../../call/errors.ts";
import { findField } from "../../call/metadata.ts";
import { chooseEncoding, encodingNamed } from "../../wire/compression.ts";
import type { RequestHead } from "../../wire/http2/head.ts";
import type { ServerCall } from "../call.ts";
import type { ServerParts } from "../layer.ts";
import type { MessageForm, ProtocolRequest } from "../protocol.ts";
import { isSupported, unsupported } from "./grpc-request.ts";

/** What a Connect request says of itself in headers or, of a GET, in its query. */
export interface ConnectWords {
  readonly path: string;
  readonly form: MessageForm;
  /** Version of the protocol; undefined when it is not said. */
  readonly version: string | undefined;
  readonly encoding: string;
  /** What the caller takes as compression of the answer. */
  readonly accept: string | undefined;
}

/** Unary calls and streams name their compression in different headers. */
export function readConnectHead(
  head: RequestHead,
  names: { readonly encoding: string; readonly accept: string },
  parts: ServerParts,
): ProtocolRequest {
  const { path, contentType, fields } = head;
  return toRequest(
    head,
    {
      path: pathOf(path),
      form: formOf(contentType),
      version: findField(fields, "connect-protocol-version"),
      encoding: findField(fields, names.encoding) ?? "identity",
      accept: findField(fields, names.accept),
    },
    parts,
  );
}

export function toRequest(
  { fields }: RequestHead,
  { path, form, version, encoding, accept }: ConnectWords,
  { sendEncodings, requireConnectProtocolVersion }: ServerParts,
): ProtocolRequest {
  const timeout = findField(fields, "connect-timeout-ms");
  const timeoutMs = timeout === undefined ? Number.POSITIVE_INFINITY : parseConnectTimeout(timeout);
  const request = {
    path,
    form,
    timeoutMs: timeoutMs ?? 0,
    requestEncoding: encodingNamed(encoding),
    responseEncoding: chooseEncoding(accept, sendEncodings),
  };
  if (version === undefined ? requireConnectProtocolVersion : version !== "1")
    return { ...request, fault: () => new HeddleError("connectVersion", { version: version ?? "" }) };
  if (timeoutMs === undefined)
    return { ...request, fault: () => new HeddleError("timeoutInvalid", { value: timeout ?? "" }) };
  if (!isSupported(encoding)) return { ...request, fault: () => unsupported(encoding) };
  return request;
}

/** `path` without a query. */
export function pathOf(path: string): string {
  const at = path.indexOf("?");
  return at < 0 ? path : path.slice(0, at);
}

/** The form that a content type of Connect names. */
export function formOf(contentType: string): MessageForm {
  return JSON_FORM.test(contentType) ? "json" : "proto";
}

/** Nobody answers the path: HTTP has a status of its own for that. */
export function isPathUnknown({ error, route }: ServerCall): boolean {
  return route === undefined && isHeddleError(error) && error.reason === "methodUnknown";
}

export function isConnectUnary(contentType: string): boolean {
  return UNARY.test(contentType);
}

export function isConnectStream(contentType: string): boolean {
  return STREAM.test(contentType);
}

const UNARY = /^application\/(?:proto|json)\s*(?:$|;\s*charset="?utf-?8"?\s*$)/i;
const STREAM = /^application\/connect\+(?:proto|json)\s*(?:$|;\s*charset="?utf-?8"?\s*$)/i;
const JSON_FORM = /^application\/(?:connect\+)?json/i;
