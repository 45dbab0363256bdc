import { type Fields, toFields } from "../call/metadata.ts";
import type { ServerCall } from "./call.ts";

/**
 * What goes into the head of an answer besides the protocol's own fields: the metadata of the handler, and what
 * layers outside the protocol want there. Throws `metadataInvalid`.
 */
export function ownHeader({ ownResponseHeader, answerFields }: ServerCall): Fields {
  return ownResponseHeader === undefined ? answerFields : [...toFields(ownResponseHeader), ...answerFields];
}
