import assert from "node:assert/strict";
import { test } from "node:test";
import { Waker } from "./waker.ts";

test("who waits goes on when it is woken and has no more reason to wait", async () => {
  const waker = new Waker();
  let full = true;
  const room = waker.waitWhile(() => full).then(() => "there is room");
  waker.wake();
  assert.equal(await Promise.race([room, nextTurn()]), "nothing yet");
  full = false;
  waker.wake();
  assert.equal(await room, "there is room");
});

test("a wake that nobody waits for is not remembered", async () => {
  const waker = new Waker();
  waker.wake();
  const woken = waker.wait().then(() => "woken");
  assert.equal(await Promise.race([woken, nextTurn()]), "nothing yet");
  waker.wake();
  assert.equal(await woken, "woken");
});

test("without a reason to wait nobody does", async () => {
  await new Waker().waitWhile(() => false);
});

function nextTurn(): Promise<string> {
  return new Promise((resolve) => setImmediate(resolve, "nothing yet"));
}
