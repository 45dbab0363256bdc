import assert from "node:assert/strict";
import { it } from "node:test";
import { gzipSync } from "node:zlib";
import { isHeddleError } from "../call/errors.ts";
import { compressGzip, decompressGzip, isSupportedEncoding } from "./compression.ts";

it("gzip there and back, to exactly the limit", () => {
  for (const length of [0, 1, 1000, 100_000]) {
    const payload = new Uint8Array(length).map((_, i) => (i * i) % 251);
    assert.ok(Buffer.compare(decompressGzip(compressGzip(payload), length), payload) === 0);
  }
});

it("a bomb is not expanded beyond the limit", () => {
  const bomb = gzipSync(new Uint8Array(50 * 1024 * 1024));
  assert.ok(bomb.length < 60_000);
  const before = process.memoryUsage().arrayBuffers;
  assert.throws(() => decompressGzip(bomb, 100_000), { reason: "messageTooLarge" });
  assert.ok(process.memoryUsage().arrayBuffers - before < 5 * 1024 * 1024);
});

it("damaged data is an error of another kind than too much of it", () => {
  const good = compressGzip(new Uint8Array(1000).fill(1));
  for (const damaged of [
    good.subarray(0, good.length - 3),
    good.with(12, (good[12] as number) ^ 0xff),
    new Uint8Array(0),
    new Uint8Array(20),
  ]) {
    assert.throws(
      () => decompressGzip(damaged, 1_000_000),
      (error: unknown) => error instanceof Error && !isHeddleError(error),
    );
  }
});

it("knows gzip and identity", () => {
  assert.deepEqual(["gzip", "identity", "", "br", "GZIP"].map(isSupportedEncoding), [
    true,
    true,
    true,
    false,
    false,
  ]);
});
