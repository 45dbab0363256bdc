/** The registration loop on a scripted holder, under virtual time. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { isHeddleError } from "../../call/errors.ts";
import type { DiscoveryEvent } from "../discovery-event.ts";
import type { Endpoint } from "../endpoint.ts";
import { at, createVirtualRuntime, pass } from "../follow/scripted-source.test.ts";
import { type Hold, type Holder, RegistrationRefused } from "../holder.ts";
import { createRegistrationLoop } from "./registration-loop.ts";

/** A registry with one shelf. `onHold` runs instead of a well-behaved hold while it is set. */
function createWorld({ renewMs = 1_000 } = {}) {
  const { time, runtime } = createVirtualRuntime();
  const events: DiscoveryEvent[] = [];
  const holds: Hold[] = [];
  const writes: Endpoint[] = [];
  const heldAtMs: number[] = [];
  const world = {
    time,
    events,
    holds,
    writes,
    heldAtMs,
    renewals: 0,
    released: 0,
    shelf: undefined as Endpoint | undefined,
    onHold: undefined as ((hold: Hold) => Promise<never>) | undefined,
    onRelease: async (_signal: AbortSignal) => {
      world.shelf = undefined;
    },
    /** Ends the running hold. */
    lose: (_: Error) => {},
    kinds: () => events.map(({ kind }) => kind),
    pass: (ms: number) => pass(time, ms),
  };
  const holder: Holder = {
    async hold(hold) {
      holds.push(hold);
      heldAtMs.push(time.now());
      if (world.onHold !== undefined) return world.onHold(hold);
      const lost = new Promise<never>((_, reject) => {
        world.lose = reject;
      });
      const keep = async (): Promise<never> => {
        const write = () => {
          world.shelf = hold.instance;
          writes.push(hold.instance);
        };
        write();
        hold.registered();
        for (;;) {
          if ((await hold.next(renewMs)) === "changed") write();
          else world.renewals++;
        }
      };
      return Promise.race([keep(), lost]);
    },
    async release(_, signal) {
      world.released++;
      await world.onRelease(signal);
    },
  };
  const loop = createRegistrationLoop(holder, { runtime, onEvent: (event) => void events.push(event) });
  return Object.assign(world, { loop });
}

const refused = new RegistrationRefused("no such tenant", {
  cause: new ConnectError("no such tenant", Code.PermissionDenied),
});

describe("a registration", () => {
  it("is made, renewed, changed and given up", async () => {
    const world = createWorld();
    const registration = world.loop.register(at(1));
    assert.equal(registration.state, "registering");
    await registration.registered;
    assert.equal(registration.state, "registered");
    await world.pass(10_500);
    assert.deepEqual([world.renewals, world.writes.length, world.holds.length], [10, 1, 1]);
    registration.update({ weight: 3 });
    await world.pass(0);
    assert.deepEqual(world.shelf, at(1, { weight: 3 }));
    await registration[Symbol.asyncDispose]();
    assert.deepEqual([registration.state, world.shelf, world.released], ["closed", undefined, 1]);
    assert.equal(world.time.pending, 0, "no timer is left");
    assert.deepEqual(world.events, [{ kind: "registered", instance: "1" }]);
  });

  it("that is lost is made again, with the changes of the meantime", async () => {
    const world = createWorld();
    const registration = world.loop.register(at(1));
    await world.pass(5_000);
    world.onHold = async () => {
      throw new Error("refused connection");
    };
    world.lose(new Error("the lease is gone"));
    await world.pass(600_000);
    assert.equal(registration.state, "lost");
    assert.match(String(registration.lastError), /refused connection/);
    registration.update({ draining: true });
    world.onHold = undefined;
    await world.pass(3_100);
    assert.deepEqual([registration.state, registration.lastError], ["registered", undefined]);
    assert.deepEqual(world.shelf, at(1, { draining: true }));
    assert.deepEqual(world.kinds(), ["registered", "unregistered", "registered"]);
    const pauses = world.heldAtMs.slice(1).map((ms, n) => ms - (world.heldAtMs[n] ?? 0));
    assert.ok((pauses[0] ?? 0) <= 5_160 && Math.max(...pauses.slice(1)) <= 3_010);
    await world.loop[Symbol.asyncDispose]();
  });

  it("that holds only for moments is not made again and again", async () => {
    const world = createWorld();
    world.onHold = async (hold) => {
      hold.registered();
      throw new Error("gone at once");
    };
    const registration = world.loop.register(at(1));
    await world.pass(60_000);
    assert.ok(world.holds.length < 60, `${world.holds.length} in a minute`);
    assert.equal(registration.state, "lost");
    await world.loop[Symbol.asyncDispose]();
  });

  it("that is refused says so once, tries again rarely, and at once when the instance is changed", async () => {
    const world = createWorld();
    world.onHold = async () => {
      throw refused;
    };
    const registration = world.loop.register(at(1, { service: "orders" }));
    await assert.rejects(registration.registered, (error) => {
      assert.ok(isHeddleError(error));
      assert.deepEqual([error.reason, error.code], ["registrationRefused", Code.PermissionDenied]);
      assert.match(error.message, /orders at 10.0.0.1:4001: no such tenant/);
      return true;
    });
    await world.pass(300_000);
    assert.ok(world.holds.length > 5 && world.holds.length < 30, `${world.holds.length} in five minutes`);
    assert.deepEqual([world.kinds(), registration.state], [["refused"], "registering"]);
    world.onHold = undefined;
    registration.update({ metadata: { tenant: "shop" } });
    await world.pass(0);
    assert.equal(registration.state, "registered");
    assert.deepEqual(world.kinds(), ["refused", "registered"]);
    await world.loop[Symbol.asyncDispose]();
  });

  it("that was only ever refused has nothing to give up", async () => {
    const world = createWorld();
    world.onHold = async () => {
      throw refused;
    };
    const registration = world.loop.register(at(1));
    await world.pass(5_000);
    await registration[Symbol.asyncDispose]();
    assert.equal(world.released, 0);
  });

  it("with a write of unknown outcome is given up", async () => {
    const world = createWorld();
    world.onHold = async (hold) => {
      world.shelf = hold.instance;
      throw new Error("the answer never came");
    };
    const registration = world.loop.register(at(1));
    await world.pass(50);
    world.onHold = async () => {
      throw refused;
    };
    await world.pass(5_000);
    assert.ok(world.shelf);
    await registration[Symbol.asyncDispose]();
    assert.deepEqual([world.released, world.shelf], [1, undefined]);
    await assert.rejects(registration.registered);
  });

  it("that nobody waits for fails no program", async () => {
    const world = createWorld();
    world.onHold = () => {
      throw new Error("thrown, not rejected");
    };
    world.onRelease = () => {
      throw new Error("thrown, not rejected");
    };
    const registration = world.loop.register(at(1));
    await world.pass(5_000);
    await registration[Symbol.asyncDispose]();
    assert.equal(registration.state, "closed");
  });
});

describe("changes", () => {
  it("of one moment are one write, and those that change nothing are none", async () => {
    const world = createWorld();
    const registration = world.loop.register(at(1));
    await world.pass(10);
    for (let weight = 2; weight < 50; weight++) registration.update({ weight });
    await world.pass(10);
    registration.update({ weight: 49, metadata: {} });
    await world.pass(10);
    assert.deepEqual(
      world.writes.map(({ weight }) => weight),
      [1, 49],
    );
    await world.loop[Symbol.asyncDispose]();
  });

  it("of whatever order, and losses in between, end in what was said last", async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("update" as const), weight: fc.integer({ min: 0, max: 5 }) }),
      fc.record({ do: fc.constant("lose" as const) }),
      fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(0, 10, 2_000) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const world = createWorld();
        const registration = world.loop.register(at(1));
        let weight = 1;
        for (const next of steps) {
          if (next.do === "update") registration.update({ weight: (weight = next.weight) });
          else if (next.do === "lose") world.lose(new Error("lost"));
          else await world.pass(next.ms);
        }
        await world.pass(4_000);
        assert.equal(registration.state, "registered");
        assert.equal(world.shelf?.weight, weight);
        await world.loop[Symbol.asyncDispose]();
        assert.deepEqual([world.shelf, world.time.pending], [undefined, 0]);
      }),
      { numRuns: 40 },
    );
  });
});

describe("disposing", () => {
  it("waits for neither a holder nor a registry that hangs, longer than said", async () => {
    const world = createWorld();
    world.onHold = () => new Promise(() => {});
    let gaveUp = false;
    world.onRelease = (signal) =>
      new Promise(() => {
        signal.addEventListener("abort", () => {
          gaveUp = true;
        });
      });
    const registration = world.loop.register(at(1));
    await world.pass(100);
    let disposed = false;
    const disposing = world.loop[Symbol.asyncDispose]().then(() => {
      disposed = true;
    });
    await world.pass(590);
    assert.equal(disposed, false);
    await world.pass(20);
    await disposing;
    assert.deepEqual([world.released, gaveUp, registration.state], [1, true, "closed"]);
    await assert.rejects(
      registration.registered,
      (error) => isHeddleError(error) && error.reason === "closed",
    );
    assert.equal(world.time.pending, 0);
  });

  it("ends a hold at once, and what it still does counts no more", async () => {
    const world = createWorld();
    let late: Hold | undefined;
    world.onHold = (hold) => {
      late = hold;
      return new Promise((_, reject) => {
        hold.signal.addEventListener("abort", () => reject(new Error("aborted")));
      });
    };
    const registration = world.loop.register(at(1));
    await world.pass(10);
    await registration[Symbol.asyncDispose]();
    late?.registered();
    registration.update({ weight: 9 });
    await assert.rejects(late?.next(10) ?? Promise.resolve());
    await world.pass(10_000);
    assert.deepEqual([registration.state, world.kinds(), world.holds.length], ["closed", [], 1]);
    assert.equal(registration[Symbol.asyncDispose](), registration[Symbol.asyncDispose]());
  });

  it("the loop disposes all that are left, together", async () => {
    const world = createWorld();
    const registrations = ["a", "b", "c"].map((id) => world.loop.register(at(id)));
    await world.pass(10);
    await registrations[0]?.[Symbol.asyncDispose]();
    await world.loop[Symbol.asyncDispose]();
    assert.ok(registrations.every(({ state }) => state === "closed"));
    assert.equal(world.released, 3);
  });
});
