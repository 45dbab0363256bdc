/**
 * What went wrong when a message was encoded, or a received payload expanded and decoded, as a catalogue error.
 */
import { HeddleError, isHeddleError, reasonText } from "../call/errors.ts";

/** A catalogue error stays what it is; anything else says that the message is not one of the method. */
export function toMessageError(error: unknown, methodName: string): HeddleError {
  return isHeddleError(error)
    ? error
    : new HeddleError("messageInvalid", { method: methodName, reason: reasonText(error) }, { cause: error });
}

/** A request that its codec refuses. */
export function toRequestError(error: unknown, methodName: string): HeddleError {
  return new HeddleError(
    "requestInvalid",
    { method: methodName, reason: reasonText(error) },
    { cause: error },
  );
}
