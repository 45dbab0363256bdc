/** Payloads of tests. */
import assert from "node:assert/strict";

/** Bytes that neither compress to nothing nor hide a shift: a pattern of length 251. */
export function filled(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < Math.min(length, 251); i++) bytes[i] = (i * 7) % 256;
  for (let done = 251; done < length; done *= 2) bytes.copyWithin(done, 0, Math.min(done, length - done));
  return bytes;
}

/** Without printing megabytes when they differ. */
export function assertSameBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  assert.ok(actual instanceof Uint8Array, "there are no bytes");
  assert.ok(
    Buffer.compare(actual, expected) === 0,
    `${actual.length} bytes, not the same as the ${expected.length} expected`,
  );
}
