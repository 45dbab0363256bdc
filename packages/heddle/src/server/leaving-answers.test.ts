/** When answers leave: together at the end of a turn, and none of them long after it was made. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LeavingAnswers } from "./leaving-answers.ts";

function setUp() {
  let nowMs = 0;
  const written: string[] = [];
  const answers = new LeavingAnswers({ now: () => nowMs, wallMs: () => nowMs });
  return {
    written,
    answers,
    add: (name: string) => answers.add({ writeNow: () => void written.push(name) }),
    pass: (ms: number) => {
      nowMs += ms;
      return nowMs;
    },
  };
}

const endOfTurn = () => new Promise((resolve) => setImmediate(resolve));

test("answers of a turn leave at its end, in their order, once", async () => {
  const { answers, written, add } = setUp();
  add("a");
  add("b");
  answers.begins(0);
  await Promise.resolve();
  assert.deepEqual(written, []);
  await endOfTurn();
  assert.deepEqual(written, ["a", "b"]);
  add("c");
  await endOfTurn();
  assert.deepEqual(written, ["a", "b", "c"]);
});

test("a request that begins later in a long turn sends those off that have waited, and they do not leave twice", async () => {
  const { answers, written, add, pass } = setUp();
  add("a");
  answers.begins(pass(0.2));
  assert.deepEqual(written, []);
  answers.begins(pass(0.1));
  assert.deepEqual(written, ["a"]);
  add("b");
  answers.begins(pass(0.1));
  assert.deepEqual(written, ["a"]);
  await endOfTurn();
  assert.deepEqual(written, ["a", "b"]);
});
