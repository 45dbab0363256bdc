/**
 * Breaks a valid sequence: of a list of pieces (frames, envelopes, fields) some are moved, doubled, dropped or cut,
 * and in their bytes some are changed. A few changes only, late rather than early: a valid beginning with one thing
 * broken reaches states that noise never does.
 */
import type { Dice } from "./dice.ts";

export function mutatePieces(dice: Dice, pieces: readonly Uint8Array[]): Uint8Array[] {
  const result = [...pieces];
  for (let changes = dice.below(4); changes > 0 && result.length > 0; changes--) {
    const at = late(dice, result.length);
    const piece = result[at] as Uint8Array;
    switch (dice.below(7)) {
      case 0:
        result.splice(at, 1);
        break;
      case 1:
        result.splice(at, 0, piece);
        break;
      case 2:
        result.splice(at, 0, ...Array.from({ length: dice.pick([3, 30, 300]) }, () => piece));
        break;
      case 3: {
        const other = dice.below(result.length);
        [result[at], result[other]] = [result[other] as Uint8Array, piece];
        break;
      }
      case 4:
        result[at] = piece.subarray(0, dice.below(piece.length + 1));
        break;
      case 5:
        result.length = at;
        break;
      default:
        result[at] = mutateBytes(dice, piece);
    }
  }
  return result;
}

/** One to four changes in a copy. */
export function mutateBytes(dice: Dice, bytes: Uint8Array): Uint8Array {
  let result = Uint8Array.from(bytes);
  for (let changes = 1 + dice.below(4); changes > 0; changes--) {
    const at = dice.below(result.length + 1);
    switch (dice.below(6)) {
      case 0:
        if (at < result.length) (result[at] as number) ^= 1 << dice.below(8);
        break;
      case 1:
        if (at < result.length) result[at] = dice.pick([0, 1, 0x7f, 0x80, 0xff, dice.below(256)]);
        break;
      case 2:
        result = concat(result.subarray(0, at), result.subarray(at + 1 + dice.below(4)));
        break;
      case 3:
        result = concat(result.subarray(0, at), dice.bytes(1 + dice.below(4)), result.subarray(at));
        break;
      case 4: {
        // A length that lies.
        const value = dice.edge();
        const width = dice.pick([1, 2, 3, 4]);
        for (let i = 0; i < width && at + i < result.length; i++)
          result[at + i] = value >>> (8 * (width - 1 - i));
        break;
      }
      default: {
        const from = dice.below(result.length + 1);
        const part = result.subarray(from, from + dice.below(40));
        result = concat(result.subarray(0, at), part, result.subarray(at));
      }
    }
  }
  return result;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Cuts bytes where the peer's segments could have been cut, into a few thousand pieces at most. The same bytes and
 * dice give the same cuts.
 */
export function* cutUp(dice: Dice, bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
  const average = dice.pick([1, 2, 5, 10, 150, 8_192, Number.MAX_SAFE_INTEGER]);
  const largest = Math.min(bytes.length, 2 * Math.max(average, bytes.length / 2_000));
  for (let at = 0; at < bytes.length; ) {
    const size = Math.min(bytes.length - at, 1 + dice.below(largest));
    yield bytes.slice(at, at + size);
    at += size;
  }
}

/** Mostly in the second half. */
function late(dice: Dice, length: number): number {
  return Math.max(dice.below(length), dice.below(length));
}
