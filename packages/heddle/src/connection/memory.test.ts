import assert from "node:assert/strict";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { closeInMemory, connectInMemory, listenInMemory } from "./memory.ts";

function open(name: string): { ours: Duplex; theirs: Duplex } {
  let theirs: Duplex | undefined;
  assert.ok(listenInMemory(name, (socket) => (theirs = socket)));
  const ours = connectInMemory(name);
  closeInMemory(name);
  assert.ok(ours !== undefined && theirs !== undefined);
  return { ours, theirs };
}

test("nothing arrives inside the write that sent it", async () => {
  const { ours, theirs } = open("later");
  let isWriting = false;
  theirs.on("data", (chunk) => {
    assert.ok(!isWriting);
    theirs.write(chunk);
  });
  let echoed = 0;
  ours.on("data", (chunk: Uint8Array) => {
    echoed += chunk.length;
  });
  for (let i = 0; i < 100; i++) {
    isWriting = true;
    ours.write(new Uint8Array(1000));
    isWriting = false;
  }
  while (echoed < 100_000) await once(ours, "data");
  assert.equal(echoed, 100_000);
});

test("a reader that stops holds the writer back, and loses nothing", async () => {
  const { ours, theirs } = open("slow");
  for (let i = 0; i < 100; i++) ours.write(new Uint8Array(10_000));
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(ours.writableLength > 500_000);
  let received = 0;
  theirs.on("data", (chunk: Uint8Array) => {
    received += chunk.length;
  });
  ours.end();
  await once(theirs, "end");
  assert.equal(received, 1_000_000);
});

test("an end that is destroyed ends the other", async () => {
  const { ours, theirs } = open("gone");
  theirs.resume();
  ours.destroy();
  await once(theirs, "end");
});

test("an end that is reset resets the other", async () => {
  const { ours, theirs } = open("reset");
  theirs.resume();
  (ours as Duplex & { resetAndDestroy(): void }).resetAndDestroy();
  await assert.rejects(once(theirs, "end"), { code: "ECONNRESET" });
  assert.ok(theirs.destroyed && ours.destroyed);
});

test("a name is taken once", () => {
  assert.ok(listenInMemory("once", () => {}));
  assert.ok(!listenInMemory("once", () => {}));
  closeInMemory("once");
  assert.equal(connectInMemory("once"), undefined);
});
