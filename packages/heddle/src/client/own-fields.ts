/**
 * The header fields that belong to one call alone: its trace, how critical it is, which attempt this is, its metadata,
 * and what it passes on of the call being served.
 */
import { CRITICALITY_FIELD } from "../call/criticality.ts";
import { findField } from "../call/metadata.ts";
import { formatTraceparent, newSpanId } from "../call/trace.ts";
import type { ClientCall } from "./call.ts";
import type { ClientParts } from "./layer.ts";

/** `[name, value, …]`, the same for all protocols. */
export function ownFields(
  { parent, metadata, traceId, criticality, previousAttempts }: ClientCall,
  { random }: ClientParts,
): string[] {
  const fields: string[] = [];
  if (previousAttempts > 0) fields.push("grpc-previous-rpc-attempts", String(previousAttempts));
  if (traceId !== undefined) fields.push("traceparent", formatTraceparent(traceId, newSpanId(random)));
  for (const part of metadata) fields.push(part);
  if (criticality !== undefined && findField(metadata, CRITICALITY_FIELD) === undefined)
    fields.push(CRITICALITY_FIELD, criticality);
  const propagated = parent?.propagated ?? [];
  for (let i = 0; i < propagated.length; i += 2) {
    const name = propagated[i] as string;
    if (findField(metadata, name) === undefined) fields.push(name, propagated[i + 1] as string);
  }
  return fields;
}

/** `https` where the instance is reached by TLS. */
export function schemeOf({ subchannel }: ClientCall): "http" | "https" {
  return subchannel?.secure === true ? "https" : "http";
}
