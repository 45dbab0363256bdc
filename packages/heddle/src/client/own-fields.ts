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
export function ownFields(call: ClientCall, { random, traces }: ClientParts): string[] {
  const { parent, metadata, traceId, criticality, previousAttempts } = call;
  const fields: string[] = [];
  if (previousAttempts > 0) fields.push("grpc-previous-rpc-attempts", String(previousAttempts));
  if (traceId !== undefined) {
    if (traces !== undefined) call.spanId = newSpanId(random);
    const spanId = call.spanId ?? call.parentSpanId ?? newSpanId(random);
    fields.push("traceparent", formatTraceparent(traceId, spanId, call.sampled ? "01" : "00"));
  }
  for (let i = 0; i < metadata.length; i += 2) {
    const name = metadata[i] as string;
    if (name !== "traceparent" || traceId === undefined) fields.push(name, metadata[i + 1] as string);
  }
  if (criticality !== undefined && findField(metadata, CRITICALITY_FIELD) === undefined)
    fields.push(CRITICALITY_FIELD, criticality);
  const propagated = parent?.propagated ?? [];
  for (let i = 0; i < propagated.length; i += 2) {
    const name = propagated[i] as string;
    if (findField(metadata, name) === undefined) fields.push(name, propagated[i + 1] as string);
  }
  return fields;
}

/** The callee is told that the trace is not kept, or it would begin one of its own. */
export function isToldUnsampled({ traceId }: ClientCall, { traces }: ClientParts): boolean {
  return traces !== undefined && traceId === undefined;
}

/** `https` where the instance is reached by TLS. */
export function schemeOf({ subchannel }: ClientCall): "http" | "https" {
  return subchannel?.secure === true ? "https" : "http";
}
