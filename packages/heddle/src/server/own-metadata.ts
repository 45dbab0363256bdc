/**
 * The metadata of an answer as fields: what the handler has set, and what its error brings. All throw
 * `metadataInvalid`.
 */
import type { ConnectError } from "@connectrpc/connect";
import { type Fields, toFields } from "../call/metadata.ts";
import type { ServerCall } from "./call.ts";

/**
 * What goes into the head of an answer besides the protocol's own fields: the metadata of the handler, and what
 * layers outside the protocol want there.
 */
export function ownHeader({ ownResponseHeader, answerFields }: ServerCall): Fields {
  return ownResponseHeader === undefined ? answerFields : [...toFields(ownResponseHeader), ...answerFields];
}

/** What goes into the trailers besides the status: the metadata of the error, and of the handler. */
export function ownTrailer({ error, ownResponseTrailer }: ServerCall): Fields {
  const ofHandler = ownResponseTrailer === undefined ? NONE : toFields(ownResponseTrailer);
  return error === undefined ? ofHandler : [...errorMetadata(error), ...ofHandler];
}

/** The metadata that a handler gave its error. What another server said with its error is not ours to pass on. */
export function errorMetadata({ isWireError, metadata }: ConnectError): Fields {
  return isWireError ? NONE : toFields(metadata);
}

const NONE: Fields = [];
