/**
 * Cuts what a socket gives into packets: four bytes of length, then so many bytes. Packets that arrive in one piece are
 * views of it; only those that span several are put together.
 */
import { JuteError } from "./jute.ts";

export interface PacketSplitter {
  /** Calls `onPacket` for each packet that is complete now. Throws `JuteError` for a length that can't be. */
  push(chunk: Uint8Array, onPacket: (packet: Buffer) => void): void;
}

/** @param maxPacketBytes the longest packet taken */
export function createPacketSplitter(maxPacketBytes: number): PacketSplitter {
  /** The begin of a packet whose end is not here yet. */
  let parts: Buffer[] = [];
  let held = 0;
  /** With its four bytes of length; 4 while that isn't known. */
  let needed = 4;

  return {
    push(chunk, onPacket) {
      parts.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      held += chunk.length;
      while (held >= needed) {
        const whole = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, held);
        parts = [whole];
        const length = whole.readInt32BE(0);
        if (length < 0 || length > maxPacketBytes)
          throw new JuteError(`a packet of ${length} bytes, where at most ${maxPacketBytes} are taken`);
        needed = length + 4;
        if (held < needed) return;
        const rest = whole.subarray(needed);
        const packet = whole.subarray(4, needed);
        parts = rest.length === 0 ? [] : [rest];
        held = rest.length;
        needed = 4;
        onPacket(packet);
      }
    },
  };
}
