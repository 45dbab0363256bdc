/**
 * What went wrong when a received payload was expanded and decoded, as a catalogue error.
 */
import type { Code } from "@connectrpc/connect";
import { HeddleError, reasonText } from "../call/errors.ts";

/** `expandedOver` is the message limit in bytes; a RangeError says that expansion passed it. */
export function toMessageError(
  error: unknown,
  methodName: string,
  expandedOver: number,
  invalidCode?: Code,
): HeddleError {
  if (error instanceof RangeError && error.message.startsWith("expands to")) {
    return new HeddleError("messageTooLarge", {
      bytes: `over ${expandedOver}`,
      limit: expandedOver,
      direction: "received, expanded",
    });
  }
  const options = invalidCode === undefined ? { cause: error } : { cause: error, code: invalidCode };
  return new HeddleError("messageInvalid", { method: methodName, reason: reasonText(error) }, options);
}
