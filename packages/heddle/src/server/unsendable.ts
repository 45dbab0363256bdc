/**
 * What the handler gave and no HTTP header can carry is the handler's failure, found before a byte of it is written.
 */
import type { ConnectError } from "@connectrpc/connect";
import { HeddleError } from "../call/errors.ts";
import { toFields } from "../call/metadata.ts";
import { encodeStatusDetails } from "../call/status-details.ts";
import type { ServerCall } from "./call.ts";
import type { ServerParts } from "./layer.ts";
import { errorMetadata } from "./own-metadata.ts";

export function refuseUnsendable(call: ServerCall, { onHandlerError }: ServerParts): void {
  const { ownResponseHeader, ownResponseTrailer, error } = call;
  if (ownResponseHeader === undefined && ownResponseTrailer === undefined && error === undefined) return;
  try {
    if (ownResponseHeader !== undefined && !call.headWritten) toFields(ownResponseHeader);
    if (ownResponseTrailer !== undefined) toFields(ownResponseTrailer);
    if (error === undefined) return;
    encodeStatusDetails(error);
    errorMetadata(error);
  } catch (cause) {
    onHandlerError(cause, call);
    call.dropOwnMetadata();
    call.error = new HeddleError("handlerFailed", { method: call.name }, { cause });
  }
}

/** An answer that cannot be encoded is the handler's failure too, unless it is only too large. */
export function encodingFailure(call: ServerCall, cause: unknown): ConnectError {
  if (cause instanceof HeddleError) return cause;
  call.parts.onHandlerError(cause, call);
  return new HeddleError("handlerFailed", { method: call.name }, { cause });
}
