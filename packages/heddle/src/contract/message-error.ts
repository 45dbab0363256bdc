/**
 * What went wrong when a message was encoded, or a received payload expanded and decoded, as a catalogue error.
 */
import type { Code } from "@connectrpc/connect";
import { HeddleError, isHeddleError, reasonText } from "../call/errors.ts";
import { oneLine } from "../call/one-line.ts";

/**
 * A catalogue error stays what it is; anything else says that the message is not one of the method, with the
 * catalogue's code unless `code` is given.
 */
export function toMessageError(error: unknown, methodName: string, code?: Code): HeddleError {
  if (isHeddleError(error)) return error;
  // It may hold what stood in the message.
  const params = { method: methodName, reason: oneLine(reasonText(error)) };
  return new HeddleError("messageInvalid", params, { cause: error, ...(code === undefined ? {} : { code }) });
}

/** A request that its codec refuses. A catalogue error stays what it is. */
export function toRequestError(error: unknown, methodName: string): HeddleError {
  if (isHeddleError(error)) return error;
  return new HeddleError(
    "requestInvalid",
    { method: methodName, reason: reasonText(error) },
    { cause: error },
  );
}
