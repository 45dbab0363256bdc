/**
 * What the translators of answers share: the head that a call gets, checks of what the peer sent, and errors.
 */
import { Code, type ConnectError } from "@connectrpc/connect";
import type { HeddleError } from "../../call/errors.ts";
import { type Fields, toHeaders } from "../../call/metadata.ts";
import type { MessageForm } from "../../contract/method.ts";
import type { HeaderBlock } from "../../wire/hpack/header-block.ts";
import { areTrailersValid } from "../../wire/http2/head.ts";
import type { ClientCall } from "../call.ts";
import { responseInvalid } from "../response.ts";

/**
 * Largest frame that ends an answer, and largest body of an error, in bytes, before and after it is expanded. What
 * stands in it has the place of HTTP trailers, which no implementation takes in such size.
 */
export const MAX_OUTCOME_BYTES = 256 * 1024;

/** A block of fields as calls get them. */
export function blockOf(fields: Fields): HeaderBlock {
  return { fields, listBytes: 0, parsed: undefined };
}

/** The head of a gRPC answer that says what another protocol's head said; `without` names what has been dealt with. */
export function grpcHead(
  fields: Fields,
  form: MessageForm,
  encoding: string | undefined,
  without: (name: string) => boolean,
): HeaderBlock {
  const head = [":status", "200", "content-type", `application/grpc+${form}`];
  if (encoding !== undefined) head.push("grpc-encoding", encoding);
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.startsWith(":") || name === "content-type" || without(name)) continue;
    head.push(name, fields[i + 1] as string);
  }
  return blockOf(head);
}

/** Trailers that did not arrive as such; undefined when they could not have. */
export function trailersOf(fields: Fields): HeaderBlock | undefined {
  return areTrailersValid(fields) ? blockOf(fields) : undefined;
}

/** Gives an error from the wire the metadata of its answer. */
export function withMetadata(error: ConnectError, head: Fields, trailers: Fields): ConnectError {
  for (const fields of [trailers, head])
    toHeaders(fields).forEach((value, name) => error.metadata.append(name, value));
  return error;
}

/** The error for a content type that was not asked for: of this family of protocols (INTERNAL), or of none (UNKNOWN). */
export function contentTypeError(call: ClientCall, contentType: string): HeddleError {
  const known = /^application\/(?:connect\+|grpc-web\+|grpc-web-text\+)?(?:proto|json)(?:$|;)/.test(
    contentType,
  );
  const reason = contentType === "" ? "it has no content type" : `its content type is "${contentType}"`;
  return responseInvalid(call, reason, known ? Code.Internal : Code.Unknown);
}
