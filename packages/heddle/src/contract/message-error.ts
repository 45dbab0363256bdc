/**
 * What went wrong when a received payload was expanded and decoded, as a catalogue error.
 */
import { HeddleError, isHeddleError, reasonText } from "../call/errors.ts";

/** A catalogue error stays what it is; anything else says that the message is not one of the method. */
export function toMessageError(error: unknown, methodName: string): HeddleError {
  return isHeddleError(error)
    ? error
    : new HeddleError("messageInvalid", { method: methodName, reason: reasonText(error) }, { cause: error });
}
