import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { drawCapacity, type Machines } from "./machines.ts";
import { createRandomStreams } from "./random-streams.ts";
import { hobbled, neighbours } from "./scenarios.ts";

const machines: Machines = { cores: 6.47, antagonists: { ...neighbours, dwellMs: 1_000 } };
const untilMs = 100_000;

describe("machines", () => {
  it("give replicas a headroom of the median asked for, within its limits, each from the start", () => {
    const changes = drawCapacity(machines, 200, untilMs, createRandomStreams(1));
    assert.deepEqual(
      changes.slice(0, 200).map(({ atNs, replica }) => [atNs, replica]),
      Array.from({ length: 200 }, (_, replica) => [0, replica]),
    );
    const headrooms = changes.map(({ cores }) => cores / machines.cores).sort((a, b) => a - b);
    const median = headrooms[headrooms.length >> 1] as number;
    assert.ok(Math.abs(median / neighbours.medianHeadroom - 1) < 0.05, `median ${median}`);
    assert.ok((headrooms[0] as number) >= neighbours.leastHeadroom);
    assert.ok((headrooms.at(-1) as number) <= neighbours.mostHeadroom);
  });

  it("hobble the share asked for, at any time", () => {
    const changes = drawCapacity(
      { ...machines, hobbling: { ...hobbled, lastsMs: 1_000 } },
      200,
      untilMs,
      createRandomStreams(2),
    );
    let hobbledMs = 0;
    for (let replica = 0; replica < 200; replica++) {
      const own = changes.filter((change) => change.replica === replica);
      own.forEach(({ atNs, speed, cores }, i) => {
        if (speed === 1) return;
        assert.equal(speed, hobbled.speed);
        assert.ok(cores <= machines.cores);
        hobbledMs += Math.min(untilMs, (own[i + 1]?.atNs ?? Infinity) / 1e6) - atNs / 1e6;
      });
    }
    const share = hobbledMs / (200 * untilMs);
    assert.ok(Math.abs(share - hobbled.share) < 0.01, `share ${share}`);
  });

  it("are the same for a replica whatever the size of the fleet", () => {
    const small = drawCapacity(machines, 3, untilMs, createRandomStreams(3));
    const large = drawCapacity(machines, 50, untilMs, createRandomStreams(3));
    assert.deepEqual(
      small,
      large.filter(({ replica }) => replica < 3),
    );
  });
});
