import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createEventLoop } from "./event-loop.ts";
import { createProcessorSharing } from "./processor-sharing.ts";
import type { ServerModel } from "./server-model.ts";
import { createWorkerPool } from "./worker-pool.ts";

const nominal = { cores: 2, speed: 1, contendedSpeed: 1 };

describe("processor sharing", () => {
  it("gives each job a core while there are enough, and equal shares when not", () => {
    const server = createProcessorSharing();
    server.setCapacity(nominal, 0);
    // Three jobs of 100 on two cores run at 2/3; when the first two end at 150, the third has the same work done.
    assert.deepEqual(serve(server, [100, 100, 100]), [
      [150, 0],
      [150, 1],
      [150, 2],
    ]);
    assert.equal(server.usedCoreNs(150), 300);
  });

  it("goes on at the new rate when the capacity changes in the middle", () => {
    const server = createProcessorSharing();
    server.setCapacity(nominal, 0);
    server.start(0, 100, 0);
    server.setCapacity({ ...nominal, speed: 0.5 }, 40);
    assert.equal(server.nextNs, 160);
    server.setCapacity({ ...nominal, cores: 0.5 }, 100);
    assert.equal(server.nextNs, 160);
  });

  it("slows all jobs down while more of them than cores are there, where isolation is not perfect", () => {
    const server = createProcessorSharing();
    server.setCapacity({ ...nominal, contendedSpeed: 0.5 }, 0);
    server.start(0, 100, 0);
    server.start(1, 100, 0);
    assert.equal(server.nextNs, 100);
    server.start(2, 100, 0);
    assert.equal(server.nextNs, 300);
    server.withdraw(2, 30);
    assert.equal(server.nextNs, 120);
  });
});

describe("a worker pool", () => {
  it("serves in order, each job at full speed", () => {
    const server = createWorkerPool();
    server.setCapacity(nominal, 0);
    assert.deepEqual(serve(server, [100, 30, 20, 100]), [
      [30, 1],
      [50, 2],
      [100, 0],
      [150, 3],
    ]);
  });

  it("gives the worker of a withdrawn job to the next", () => {
    const server = createWorkerPool();
    server.setCapacity({ ...nominal, cores: 1 }, 0);
    for (const job of [0, 1, 2]) server.start(job, 100, 0);
    server.withdraw(1, 10);
    server.withdraw(0, 50);
    assert.equal(server.nextNs, 150);
    assert.equal(server.step(150), 2);
  });
});

describe("an event loop", () => {
  it("computes, waits and computes, and computes one thing at a time", () => {
    const server = createEventLoop(0.5);
    server.setCapacity({ ...nominal, cores: 1 }, 0);
    // Job 0 computes 0–25, waits to 75, computes to 100; job 1 computes 25–50, waits to 100, computes to 125.
    assert.deepEqual(serve(server, [100, 100]), [
      [100, 0],
      [125, 1],
    ]);
    assert.equal(server.usedCoreNs(125), 100);
  });

  it("makes everybody wait for a long turn", () => {
    const server = createEventLoop(0);
    server.setCapacity({ ...nominal, cores: 1 }, 0);
    // Turns of 500 and of 1, twice: the short job waits for both turns of the long one.
    assert.deepEqual(serve(server, [1000, 2]), [
      [1001, 0],
      [1002, 1],
    ]);
  });

  it("lets a job go that waits, runs or queues", () => {
    const server = createEventLoop(0.5);
    server.setCapacity({ ...nominal, cores: 1 }, 0);
    for (const job of [0, 1, 2]) server.start(job, 100, 0);
    assert.equal(server.step(25), -1);
    server.withdraw(0, 30);
    server.withdraw(1, 30);
    assert.equal(server.nextNs, 55);
    assert.equal(server.size, 1);
  });
});

describe("every server model", () => {
  const models: Record<string, () => ServerModel> = {
    "processor sharing": createProcessorSharing,
    "worker pool": createWorkerPool,
    "event loop": () => createEventLoop(0.3),
  };
  for (const [name, create] of Object.entries(models)) {
    it(`${name}: every job that is not withdrawn is done once, and no work is lost or invented`, () => {
      const jobs = fc.array(
        fc.record({
          afterNs: fc.integer({ min: 0, max: 300 }),
          workNs: fc.integer({ min: 1, max: 500 }),
          withdrawn: fc.boolean(),
          cores: fc.integer({ min: 1, max: 4 }),
        }),
        { minLength: 1, maxLength: 30 },
      );
      fc.assert(
        fc.property(jobs, (plan) => {
          const server = create();
          server.setCapacity(nominal, 0);
          const done: number[] = [];
          const inside = new Set<number>();
          let nowNs = 0;
          const runTo = (untilNs: number) => {
            while (server.nextNs <= untilNs) {
              assert.ok(server.nextNs >= nowNs, "time goes forward");
              nowNs = server.nextNs;
              const job = server.step(nowNs);
              if (job < 0) continue;
              done.push(job);
              assert.ok(inside.delete(job));
            }
            nowNs = untilNs;
          };
          plan.forEach(({ afterNs, workNs, cores }, job) => {
            runTo(nowNs + afterNs);
            server.start(job, workNs, nowNs);
            inside.add(job);
            server.setCapacity({ ...nominal, cores }, nowNs);
            const [oldest] = inside;
            if (plan[job]?.withdrawn && oldest !== undefined) {
              server.withdraw(oldest, nowNs);
              inside.delete(oldest);
            }
            assert.equal(server.size, inside.size);
          });
          runTo(1e6);
          assert.equal(server.size, 0);
          assert.equal(server.nextNs, Number.POSITIVE_INFINITY);
          assert.equal(new Set(done).size, done.length);
          const total = plan.reduce((sum, { workNs }) => sum + workNs, 0);
          assert.ok(server.usedCoreNs(nowNs) <= total + plan.length);
        }),
      );
    });
  }
});

/** Starts all jobs at 0 and tells who is done when. */
function serve(server: ServerModel, worksNs: readonly number[]): [number, number][] {
  worksNs.forEach((workNs, job) => server.start(job, workNs, 0));
  const done: [number, number][] = [];
  while (server.nextNs < Number.POSITIVE_INFINITY) {
    const nowNs = server.nextNs;
    const job = server.step(nowNs);
    if (job >= 0) done.push([nowNs, job]);
  }
  return done;
}
