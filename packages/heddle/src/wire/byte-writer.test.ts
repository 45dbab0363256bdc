import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter } from "./byte-writer.ts";

test("keeps what was written while it grows from nothing", () => {
  const out = new ByteWriter(0);
  const expected: number[] = [];
  for (let i = 0; i < 300; i++) {
    out.writeByte(i);
    out.write(Uint8Array.of(1, i));
    expected.push(i & 0xff, 1, i & 0xff);
  }
  assert.deepEqual([...out.view()], expected);
});

test("grows by doubling, and only when it must", () => {
  const out = new ByteWriter(64);
  const first = out.bytes;
  out.write(new Uint8Array(64));
  out.ensure(0);
  assert.equal(out.bytes, first);
  out.ensure(1);
  assert.equal(out.bytes.length, 128);
  out.ensure(100);
  assert.equal(out.bytes.length, 256);
  assert.equal(out.length, 64);
  out.ensure(1_000_000);
  assert.ok(out.bytes.length >= 1_000_064 && out.bytes.length < 1_100_000, "a leap is not doubled");
});

test("reset keeps the storage", () => {
  const out = new ByteWriter(64);
  out.write(new Uint8Array(100));
  const grown = out.bytes;
  out.reset();
  assert.equal(out.view().length, 0);
  assert.equal(out.bytes, grown);
});

test("reset lets go of what one giant message has grown", () => {
  const out = new ByteWriter(64);
  out.write(new Uint8Array(40_000_000));
  out.reset();
  assert.ok(out.bytes.length <= 1024 * 1024);
  out.write(new Uint8Array(100));
  assert.equal(out.view().length, 100);
});
