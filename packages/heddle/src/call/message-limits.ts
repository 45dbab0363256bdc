/**
 * How large a message may be when nobody says otherwise, for client and server alike. Receiving is what others
 * can do to us, so it has the limit that gRPC has; sending is our own doing.
 */
import { HeddleError } from "./errors.ts";

/** Largest message that is accepted, in bytes: 4 MiB. */
export const DEFAULT_MAX_RECEIVE_BYTES = 4 * 1024 * 1024;

/** Largest message that is sent, in bytes: what protobuf can say. */
export const DEFAULT_MAX_SEND_BYTES = 0x7fffffff;

/** A message of `bytes` is over `limit`. */
export function messageTooLarge(bytes: number, limit: number, direction: "sent" | "received"): HeddleError {
  return new HeddleError("messageTooLarge", { bytes, limit, direction });
}
