/**
 * What the head of a Connect request says: how long the caller waits, and how its messages are written and compressed.
 * Source: https://connectrpc.com/docs/protocol#unary-request and #streaming-request
 */
import { parseConnectTimeout } from "../../call/connect-timeout.ts";
import { HeddleError, isHeddleError } from "../../call/errors.ts";
import { findField } from "../../call/metadata.ts";
import type { MessageForm } from "../../contract/method.ts";
import type { RequestHead } from "../../wire/http2/head.ts";
import type { ServerCall } from "../call.ts";
import type { ServerParts } from "../layer.ts";
import type { ProtocolRequest } from "../protocol.ts";
import { type RequestWords, toProtocolRequest } from "./protocol-request.ts";

/** What a Connect request says of itself in headers or, of a GET, in its query. */
export interface ConnectWords extends Omit<RequestWords, "timeout" | "parseTimeout"> {
  /** Version of the protocol; undefined when it is not said. */
  readonly version: string | undefined;
}

/** Unary calls and streams name their compression in different headers. */
export function readConnectHead(
  head: RequestHead,
  names: { readonly encoding: string; readonly accept: string },
  parts: ServerParts,
): ProtocolRequest {
  const { path, contentType, fields } = head;
  return toConnectRequest(
    head,
    {
      path: pathOf(path),
      form: formOf(contentType),
      version: findField(fields, "connect-protocol-version"),
      encoding: findField(fields, names.encoding),
      accept: findField(fields, names.accept),
    },
    parts,
  );
}

export function toConnectRequest(
  { fields }: RequestHead,
  { version, ...words }: ConnectWords,
  parts: ServerParts,
): ProtocolRequest {
  const timeout = findField(fields, "connect-timeout-ms");
  const request = toProtocolRequest({ ...words, timeout, parseTimeout: parseConnectTimeout }, parts);
  if (version === undefined ? parts.requireConnectProtocolVersion : version !== "1")
    return { ...request, fault: () => new HeddleError("connectVersion", { version: version ?? "" }) };
  return request;
}

/** `path` without a query. */
export function pathOf(path: string): string {
  const at = path.indexOf("?");
  return at < 0 ? path : path.slice(0, at);
}

/** What follows the question mark. */
export function queryOf(path: string): string {
  const at = path.indexOf("?");
  return at < 0 ? "" : path.slice(at + 1);
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
