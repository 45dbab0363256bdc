/**
 * What a server says of when its caller may come again. gRPC has it in the trailers, or in the head of an answer that
 * is nothing else; over Connect it comes with the metadata of the error.
 * Source: https://github.com/grpc/proposal/blob/master/A6-client-retries.md ("Pushback").
 */
import { findField, PUSHBACK_FIELD } from "../call/metadata.ts";
import { readPushback } from "../resilience/retry-policy.ts";
import type { ClientCall } from "./call.ts";

/** In ms; negative: it should not come again. Undefined where the server says nothing. */
export function pushbackOf({ trailers, head, error }: ClientCall): number | undefined {
  const text =
    (trailers === undefined ? undefined : findField(trailers.fields, PUSHBACK_FIELD)) ??
    (head === undefined ? undefined : findField(head.fields, PUSHBACK_FIELD)) ??
    error?.metadata.get(PUSHBACK_FIELD);
  return readPushback(text ?? undefined);
}
