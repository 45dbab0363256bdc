/**
 * One message on its way out: within the limit, and compressed if that is worth it.
 */
import { messageTooLarge } from "../call/message-limits.ts";
import { unshared } from "../contract/codec/encode-slab.ts";
import { compressIfWorth, type Encoding } from "../wire/compression.ts";
import { FLAG_COMPRESSED } from "../wire/envelope-reader.ts";

export interface OutgoingMessage {
  /** Flag of the message's envelope. */
  readonly flag: number;
  readonly payload: Uint8Array;
}

export interface OutgoingLimits {
  /** Largest plain message, in bytes. */
  readonly maxSendBytes: number;
  /** Messages smaller than this are sent as they are, in bytes. */
  readonly compressMinBytes: number;
}

/**
 * Throws `messageTooLarge`. The payload has storage of its own: it may wait for a slow peer for long, and a hundred
 * bytes that wait are not to hold on to the 64 KiB that an encoder wrote them into.
 */
export function toOutgoing(
  plain: Uint8Array,
  encoding: Encoding | undefined,
  limits: OutgoingLimits,
): OutgoingMessage {
  const outgoing = compressOutgoing(plain, encoding, limits);
  return outgoing.payload === plain ? { flag: outgoing.flag, payload: unshared(plain) } : outgoing;
}

/** The same for who copies the payload at once: it may lie in the storage that `plain` shares with others. */
export function compressOutgoing(
  plain: Uint8Array,
  encoding: Encoding | undefined,
  { maxSendBytes, compressMinBytes }: OutgoingLimits,
): OutgoingMessage {
  if (plain.length > maxSendBytes) throw messageTooLarge(plain.length, maxSendBytes, "sent");
  const compressed = compressIfWorth(plain, encoding, compressMinBytes);
  return compressed === undefined
    ? { flag: 0, payload: plain }
    : { flag: FLAG_COMPRESSED, payload: compressed };
}
