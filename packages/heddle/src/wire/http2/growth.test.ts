/** What a frame costs must not depend on how many other streams there are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../runtime/clock.ts";
import { MachinePair } from "./machine-pair.test.ts";

const MESSAGE = new Uint8Array(100);

/** Time in ms for so many short streams beside `idle` open and `blocked` ones whose window is used up. */
function timeOfCalls(calls: number, { idle = 0, blocked = 0 }): number {
  const limits = { maxConcurrentStreams: 5000, streamWindowBytes: 1000, maxWindowBytes: 0 };
  const pair = new MachinePair({ client: limits, server: limits, takes: false });
  for (let i = 0; i < idle; i++) pair.open();
  for (let i = 0; i < blocked; i++) pair.send(pair.client, pair.open(), new Uint8Array(5000));
  pair.run();
  const began = systemClock.now();
  for (let i = 0; i < calls; i++) {
    pair.send(pair.client, pair.open(), MESSAGE, true);
    pair.run();
  }
  return systemClock.now() - began;
}

for (const others of [{ idle: 1000 }, { blocked: 1000 }]) {
  test(`a call beside ${JSON.stringify(others)} costs what it costs alone`, () => {
    const calls = 400;
    timeOfCalls(calls, {});
    // The best of three: the machine has other things to do.
    const best = (options: { idle?: number; blocked?: number }) =>
      Math.min(...[1, 2, 3].map(() => timeOfCalls(calls, options)));
    const [alone, beside] = [best({}), best(others)];
    assert.ok(beside < alone * 2.5 + 5, `${beside} ms beside them, ${alone} ms alone`);
  });
}
