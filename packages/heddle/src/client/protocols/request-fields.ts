/**
 * What the heads of requests have in common, whichever protocol is spoken.
 */
import type { Fields } from "../../call/metadata.ts";
import { UNSAMPLED_FIELD } from "../../call/trace.ts";
import type { ClientCall } from "../call.ts";
import type { ClientParts } from "../layer.ts";
import { isToldUnsampled, ownFields, schemeOf } from "../own-fields.ts";

/** The fields that every request begins with. */
export function leadingFields(call: ClientCall, parts: ClientParts, method: string, path: string): string[] {
  const { authority, userAgent } = parts;
  return [
    ":method",
    method,
    ":scheme",
    schemeOf(call),
    ":path",
    path,
    ":authority",
    authority,
    "user-agent",
    userAgent,
    ...(isToldUnsampled(call, parts) ? [UNSAMPLED_FIELD, "1"] : []),
  ];
}

/** Metadata and trace of the call, without what the protocol itself writes: nobody may forge it. */
export function metadataFields(call: ClientCall, parts: ClientParts): Fields {
  const fields = ownFields(call, parts);
  return fields.filter((_, i) => !OF_THE_PROTOCOLS.test(fields[i - (i % 2)] as string));
}

const OF_THE_PROTOCOLS = /^(?:connect-|x-grpc-web$|accept-encoding$|content-encoding$|content-length$)/;
