/** What a frame costs must not depend on how many other streams there are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../runtime/clock.ts";
import { MachinePair } from "./machine-pair.test.ts";

const MESSAGE = new Uint8Array(100);

/** Time in ms for so many short streams beside `idle` open and `blocked` ones whose window is used up. */
function timeOfCalls(calls: number, { idle = 0, blocked = 0 }): number {
  const limits = {
    maxConcurrentStreams: 10_000,
    streamWindowBytes: 1000,
    connectionWindowBytes: 64 << 20,
    maxWindowBytes: 0,
  };
  const pair = new MachinePair({ client: limits, server: limits, takes: false });
  for (let i = 0; i < idle; i++) pair.open();
  for (let i = 0; i < blocked; i++) pair.send(pair.client, pair.open(), new Uint8Array(5000));
  pair.run();
  const began = systemClock.now();
  for (let i = 0; i < calls; i++) {
    // Bytes that wait their turn, as bodies do.
    pair.client.sendBytes(pair.open(), MESSAGE, true);
    pair.run();
  }
  return systemClock.now() - began;
}

for (const others of [{ idle: 4000 }, { blocked: 4000 }]) {
  test(`a call beside ${JSON.stringify(others)} costs what it costs alone`, () => {
    const [alone, beside]: [number[], number[]] = [[], []];
    // The best of some, in turn: the machine has other things to do.
    for (let round = 0; round < 5; round++) {
      alone.push(timeOfCalls(600, {}));
      beside.push(timeOfCalls(600, others));
    }
    const [best, worst] = [Math.min(...alone), Math.min(...beside)];
    // Where every stream was visited for every frame it was ten times as long, which is 200 ms more.
    assert.ok(worst < best * 5 + 50, `${worst} ms beside them, ${best} ms alone`);
  });
}
