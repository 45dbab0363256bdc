/** The watch loop on a scripted source, under virtual time. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { HeddleError } from "../../call/errors.ts";
import type { DiscoveryEvent } from "../discovery-event.ts";
import type { Endpoint } from "../endpoint.ts";
import { createEndpointSet } from "../endpoint-set.ts";
import type { Resolver } from "../resolver.ts";
import { parseTarget } from "../target.ts";
import type { WatchStatus } from "../watch-status.ts";
import type { LastGood, LastGoodStore } from "./last-good.ts";
import {
  at,
  createScriptedSource,
  createVirtualRuntime,
  delta,
  pass,
  type ScriptedSource,
  settle,
  snapshot,
  upTo,
} from "./scripted-source.test.ts";
import { createWatchLoop } from "./watch-loop.ts";
import type { WatchTuning } from "./watch-tuning.ts";

const TARGET = parseTarget("scripted:///orders");

interface WorldOptions {
  readonly source?: ScriptedSource;
  readonly tuning?: WatchTuning;
  readonly saved?: LastGood;
}

function createWorld({ source = createScriptedSource(), tuning = {}, saved }: WorldOptions = {}) {
  const { time, runtime } = createVirtualRuntime();
  const events: DiscoveryEvent[] = [];
  const saves: Endpoint[][] = [];
  const lastGood: LastGoodStore = {
    load: async () => saved,
    save: (_target, endpoints) => void saves.push([...endpoints]),
    flush: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
  const loop = createWatchLoop(source, {
    runtime,
    onEvent: (event) => void events.push(event),
    lastGood,
    tuning: { relistMs: Number.POSITIVE_INFINITY, ...tuning },
  });
  return {
    time,
    source,
    loop,
    saves,
    events,
    kinds: () => events.map(({ kind }) => kind),
    pass: (ms: number, stepMs?: number) => pass(time, ms, stepMs),
    status: (): WatchStatus => {
      const [status] = loop.describe();
      assert.ok(status, "it is watched");
      return status;
    },
  };
}

/** A caller as a channel sees it. Between `pause` and `resume` it reads nothing. */
function follow(resolver: Resolver, target = TARGET) {
  const controller = new AbortController();
  const set = createEndpointSet();
  const epochs = new Set<string>();
  const kinds: string[] = [];
  let gate: PromiseWithResolvers<void> | undefined;
  let smallest = Number.POSITIVE_INFINITY;
  const done = (async () => {
    for await (const update of resolver.watch(target, controller.signal)) {
      assert.equal(set.apply(update).resync, false, "every update fits");
      kinds.push(update.kind);
      if (update.kind === "snapshot") epochs.add(update.epoch);
      smallest = Math.min(smallest, set.endpoints.size);
      await gate?.promise;
    }
  })();
  const follower = {
    set,
    epochs,
    kinds,
    /** How few endpoints it ever knew. */
    get smallest() {
      return smallest;
    },
    ids: () => [...set.endpoints.keys()].map(Number).toSorted((a, b) => a - b),
    pause() {
      gate ??= Promise.withResolvers();
    },
    resume() {
      gate?.resolve();
      gate = undefined;
    },
    async [Symbol.asyncDispose]() {
      follower.resume();
      controller.abort();
      await done;
    },
  };
  return follower;
}

describe("a watch", () => {
  it("hands on what its source says, and closes it when nobody reads any more", async () => {
    const { loop, source, time, kinds } = createWorld();
    {
      await using caller = follow(loop);
      await settle();
      assert.equal(caller.kinds.length, 0, "no answer is not an answer");
      source.last.say(snapshot([at(1)]), delta([at(2)]), delta([], [1]));
      await settle();
      assert.deepEqual(caller.ids(), [2]);
      assert.equal(caller.set.complete, true);
      assert.equal(source.openCount, 1);
    }
    assert.equal(source.openCount, 0);
    assert.equal(time.pending, 0, "no timer is left");
    assert.deepEqual(loop.describe(), []);
    assert.deepEqual(kinds(), ["connected"]);
  });

  it("does not open its source for a signal that has already aborted", async () => {
    const { loop, source } = createWorld();
    for await (const _ of loop.watch(TARGET, AbortSignal.abort())) assert.fail("nothing is yielded");
    assert.equal(source.attempts.length, 0);
  });

  it("opens a lost source again after pauses that grow, and as fast as at first once one lasted", async () => {
    const { loop, source, time, pass, kinds } = createWorld();
    const openedAtMs: number[] = [];
    source.onOpen = (attempt) => {
      openedAtMs.push(time.now());
      attempt.end(new Error("refused"));
    };
    await using caller = follow(loop);
    await pass(60_000);
    const pauses = openedAtMs.slice(1).map((ms, n) => ms - (openedAtMs[n] ?? 0));
    assert.ok((pauses[0] ?? 0) <= 160 && Math.max(...pauses) <= 3_010);
    assert.ok(pauses.slice(6).every((ms) => ms >= 990));
    assert.deepEqual(kinds(), ["disconnected"], "said once");

    source.onOpen = (attempt) => attempt.say(snapshot(upTo(3)));
    await pass(5_000);
    assert.deepEqual(caller.ids(), [0, 1, 2]);
    const lostAtMs = time.now();
    source.onOpen = () => {
      openedAtMs.push(time.now());
    };
    source.last.end();
    await pass(500);
    assert.ok((openedAtMs.at(-1) ?? 0) - lostAtMs <= 160);
    assert.deepEqual(kinds(), ["disconnected", "connected", "disconnected"]);
    assert.equal(caller.smallest, 3);
  });

  it("does not hammer a registry that answers and hangs up", async () => {
    const { loop, source, pass } = createWorld();
    source.onOpen = (attempt) => {
      attempt.say(snapshot(upTo(3)));
      attempt.end();
    };
    await using caller = follow(loop);
    await pass(60_000);
    assert.ok(source.attempts.length < 60, `${source.attempts.length} in a minute`);
    assert.deepEqual(caller.ids(), [0, 1, 2]);
  });

  it("gives up a source that says nothing, whatever that does about it", async () => {
    const { loop, source, pass, status } = createWorld({ source: createScriptedSource({ deaf: true }) });
    await using caller = follow(loop);
    await pass(4_990);
    assert.equal(source.attempts.length, 1);
    await pass(200);
    assert.equal(source.attempts.length, 2);
    assert.match(String(status().lastError), /nothing was heard for 5000 ms/);

    source.last.say(snapshot([at(1)]));
    for (let n = 0; n < 5; n++) {
      await pass(5_900);
      source.last.say({ kind: "alive" });
    }
    assert.equal(source.attempts.length, 2);
    source.last.say({ kind: "alive", silenceMs: 1_000 });
    await pass(990);
    assert.equal(source.openCount, 1);
    await pass(200);
    assert.equal(source.attempts.length, 3);
    source.attempts[1]?.say(snapshot([]));
    await pass(10);
    assert.deepEqual(caller.ids(), [1], "who was given up is not heard");
  });

  it("of a malformed target ends with what is wrong about it", async () => {
    const { loop, source, pass, time } = createWorld();
    const error = new HeddleError("targetInvalid", { target: TARGET.text, reason: "it has no such option" });
    source.onOpen = (attempt) => attempt.end(error);
    const watched = (async () => {
      for await (const _ of loop.watch(TARGET, new AbortController().signal))
        assert.fail("nothing is yielded");
    })();
    await assert.rejects(watched, (thrown) => thrown === error);
    await pass(10_000);
    assert.deepEqual([source.attempts.length, loop.describe(), time.pending], [1, [], 0]);
  });

  it("is one for all who watch a target, and a late one gets what is known", async () => {
    const { loop, source, status } = createWorld();
    source.onOpen = (attempt) => attempt.say(snapshot(upTo(3)));
    await using first = follow(loop);
    await settle();
    {
      await using second = follow(loop);
      await using other = follow(loop, parseTarget("scripted:///payments"));
      await settle();
      assert.deepEqual(
        [second.ids(), other.ids()],
        [
          [0, 1, 2],
          [0, 1, 2],
        ],
      );
      assert.equal(status().watchers, 2);
      assert.equal(source.openCount, 2);
    }
    assert.equal(source.openCount, 1);
    source.attempts[0]?.say(delta([at(3)]));
    await settle();
    assert.deepEqual(first.ids(), [0, 1, 2, 3]);
  });
});

describe("bursts", () => {
  it("are folded, but no removal, drain or change of health waits", async () => {
    const { loop, source, pass } = createWorld();
    source.onOpen = (attempt) => attempt.say(snapshot(upTo(3)));
    await using caller = follow(loop);
    await settle();
    for (let id = 3; id < 103; id++) source.last.say(delta([at(id)]));
    await settle();
    assert.equal(caller.set.endpoints.size, 4, "the first of them");
    source.last.say(delta([at(0, { draining: true })]));
    await settle();
    assert.equal(caller.set.endpoints.size, 103, "a drain, and all that waited");
    source.last.say(delta([at(200)]), delta([], [1]));
    await settle();
    assert.deepEqual([caller.set.endpoints.has("200"), caller.set.endpoints.has("1")], [true, false]);
    source.last.say(delta([at(201)]), delta([at(2, { health: "unhealthy" })]));
    await settle();
    assert.ok(caller.set.endpoints.has("201"));
    source.last.say(delta([at(202)]));
    await settle();
    assert.ok(!caller.set.endpoints.has("202"));
    await pass(20);
    assert.ok(caller.set.endpoints.has("202"));
    assert.equal(caller.kinds.length, 6);
  });

  it("do not keep callers of an empty set waiting", async () => {
    const { loop, source } = createWorld();
    source.onOpen = (attempt) => attempt.say(snapshot([]), delta([at(1)]));
    await using caller = follow(loop);
    await settle();
    assert.deepEqual(caller.ids(), [1]);
  });
});

describe("a sudden loss", () => {
  it("is believed when a question asked later has the same answer, and no gap is left meanwhile", async () => {
    const { loop, source, pass, events, status } = createWorld();
    source.onOpen = (attempt) => attempt.say(snapshot(upTo(10)));
    await using caller = follow(loop);
    await pass(3_000);
    source.onOpen = (attempt) => attempt.say(snapshot(upTo(1)));
    source.last.say(snapshot(upTo(1)));
    await pass(3_900);
    assert.equal(caller.set.endpoints.size, 10);
    assert.deepEqual([status().held, status().state], [9, "live"]);
    assert.deepEqual(events.at(-1), { kind: "shrink-held", target: TARGET.text, held: 9, of: 10 });
    await pass(2_200);
    assert.deepEqual(caller.ids(), [0]);
    assert.deepEqual([source.attempts.length, source.openCount, status().held], [2, 1, 0]);
  });

  it("is forgotten when the endpoints come back", async () => {
    const { loop, source, pass, status } = createWorld();
    source.onOpen = (attempt) => attempt.say(snapshot(upTo(10)));
    await using caller = follow(loop);
    await pass(3_000);
    source.last.say(snapshot([]));
    await pass(500);
    source.last.say(snapshot(upTo(10)));
    await pass(10_000);
    assert.deepEqual([caller.smallest, status().held, caller.kinds.length], [10, 0, 1]);
  });

  it("is not believed of a registry that can't be asked again", async () => {
    const { loop, source, pass } = createWorld();
    source.onOpen = (attempt) => attempt.say(snapshot(upTo(10)));
    await using caller = follow(loop);
    await pass(3_000);
    source.onOpen = (attempt) => attempt.end(new Error("refused"));
    source.last.say(snapshot([]));
    source.last.end();
    await pass(600_000, 100);
    assert.equal(caller.set.endpoints.size, 10);
    source.onOpen = (attempt) => attempt.say(snapshot([]));
    await pass(4_000);
    assert.equal(caller.set.endpoints.size, 0, "now it was");
  });

  it("of a few is believed at once, whoever says it", async () => {
    const { loop, source, pass } = createWorld();
    source.onOpen = (attempt) => attempt.say(snapshot(upTo(10)));
    await using caller = follow(loop);
    await pass(3_000);
    source.last.say(delta([], [9]));
    await settle();
    assert.equal(caller.set.endpoints.size, 9);
    source.last.say(snapshot(upTo(6)));
    await settle();
    assert.equal(caller.set.endpoints.size, 6);
  });
});

describe("a relist", () => {
  const tuning = { relistMs: 300_000 };

  it("comes after five minutes or so, and the old attempt stays until the new one has answered", async () => {
    const { loop, source, time, pass, kinds } = createWorld({
      tuning,
      source: createScriptedSource({ silenceMs: 1e9 }),
    });
    source.onOpen = (attempt) => attempt.say(snapshot(upTo(4)));
    await using caller = follow(loop);
    await pass(239_000, 100);
    assert.equal(source.attempts.length, 1);
    source.onOpen = () => {};
    while (source.attempts.length < 2) await pass(100, 100);
    assert.ok(time.now() <= 360_100);
    const [old, fresh] = source.attempts;
    assert.ok(old && fresh);
    await pass(1_000);
    assert.equal(old.aborted, false);
    fresh.say(snapshot(upTo(3)));
    await settle();
    assert.deepEqual([old.aborted, fresh.aborted], [true, false]);
    assert.deepEqual(caller.ids(), [0, 1, 2], "what the old attempt never told");
    assert.deepEqual(kinds(), ["connected"]);
  });

  it("that is older than what is known catches up before it takes over", async () => {
    const { loop, source, pass } = createWorld({ tuning, source: createScriptedSource({ silenceMs: 1e9 }) });
    source.onOpen = (attempt) => attempt.say(snapshot(upTo(4)));
    await using caller = follow(loop);
    source.onOpen = () => {};
    while (source.attempts.length < 2) await pass(100, 100);
    const [old, fresh] = source.attempts;
    old?.say(delta([at(4)]));
    await settle();
    fresh?.say(snapshot(upTo(4)));
    await pass(200);
    assert.deepEqual(caller.ids(), [0, 1, 2, 3, 4]);
    fresh?.say(delta([at(4), at(5)]));
    await pass(1_000);
    assert.deepEqual([old?.aborted, caller.ids()], [true, [0, 1, 2, 3, 4, 5]]);
    assert.equal(caller.smallest, 4);
  });

  it("that fails leaves the old attempt alone and is tried again", async () => {
    const { loop, source, pass, status } = createWorld({
      tuning,
      source: createScriptedSource({ silenceMs: 1e9 }),
    });
    source.onOpen = (attempt) => attempt.say(snapshot(upTo(4)));
    await using caller = follow(loop);
    await pass(100);
    source.onOpen = (attempt) => attempt.end(new Error("not now"));
    await pass(600_000, 100);
    const tries = source.attempts.length;
    assert.ok(tries > 5 && tries < 30, `${tries}`);
    assert.equal(source.attempts[0]?.aborted, false);
    assert.equal(status().state, "live");
    assert.equal(caller.kinds.length, 1);
  });

  it("under way takes the place of an attempt that is lost", async () => {
    const { loop, source, pass } = createWorld({ tuning, source: createScriptedSource({ silenceMs: 1e9 }) });
    source.onOpen = (attempt) => attempt.say(snapshot(upTo(4)));
    await using caller = follow(loop);
    source.onOpen = () => {};
    while (source.attempts.length < 2) await pass(100, 100);
    source.attempts[0]?.end();
    await settle();
    source.last.say(snapshot(upTo(5)));
    await pass(1_000);
    assert.deepEqual([source.attempts.length, caller.ids()], [2, [0, 1, 2, 3, 4]]);
  });
});

describe("the saved set", () => {
  const saved: LastGood = { endpoints: upTo(3), savedAtMs: 0, ageMs: 60_000 };

  it("is used when the registry has not answered for 300 ms", async () => {
    const { loop, source, pass, events, status } = createWorld({ saved });
    await using caller = follow(loop);
    await pass(290);
    assert.deepEqual([caller.kinds.length, status().source, status().ageMs], [0, "none", undefined]);
    await pass(10);
    assert.deepEqual([caller.ids(), caller.set.complete], [[0, 1, 2], false]);
    assert.deepEqual(events, [{ kind: "last-good", target: TARGET.text, count: 3, ageMs: 60_000 }]);
    await pass(700);
    assert.deepEqual([status().source, status().ageMs, status().state], ["last-good", 60_700, "connecting"]);
    source.last.say(snapshot([at(1), at(2), at(7)]));
    await settle();
    assert.deepEqual([caller.ids(), caller.set.complete], [[1, 2, 7], true]);
    assert.deepEqual([status().source, status().ageMs, status().state], ["registry", 0, "live"]);
  });

  it("is used at the first failure", async () => {
    const { loop, source, pass } = createWorld({ saved });
    source.onOpen = (attempt) => attempt.end(new Error("refused"));
    await using caller = follow(loop);
    await pass(10);
    assert.deepEqual(caller.ids(), [0, 1, 2]);
  });

  it("is used beside an answer that calls itself incomplete, and not beside a complete one", async () => {
    const incomplete = createWorld({ saved });
    incomplete.source.onOpen = (attempt) => attempt.say(snapshot([at(8)], false));
    await using caller = follow(incomplete.loop);
    await incomplete.pass(10);
    assert.deepEqual(caller.ids(), [0, 1, 2, 8]);
    incomplete.source.last.say(snapshot([at(1), at(8)]));
    await incomplete.pass(10);
    assert.deepEqual(caller.ids(), [1, 8]);

    const complete = createWorld({ saved });
    complete.source.onOpen = (attempt) => attempt.say(snapshot([]));
    await using other = follow(complete.loop);
    await complete.pass(1_000);
    assert.deepEqual([other.ids(), other.set.complete], [[], true]);
  });

  it("is written when it is first known, then not at each change, and when the watch ends", async () => {
    const { loop, source, pass, saves } = createWorld();
    source.onOpen = (attempt) => attempt.say(snapshot(upTo(2), false), delta([at(2)]));
    {
      await using _caller = follow(loop);
      await pass(100);
      assert.deepEqual(saves, [], "an incomplete set is not saved");
      source.last.say(snapshot(upTo(3)));
      await pass(10);
      assert.deepEqual(saves, [upTo(3)]);
      for (let id = 3; id < 50; id++) source.last.say(delta([at(id)]));
      await pass(3_000);
      assert.equal(saves.length, 1);
      await pass(2_100);
      assert.deepEqual(saves[1], upTo(50));
      source.last.say(delta([at(50)]));
      await settle();
    }
    assert.deepEqual([saves.length, saves[2]], [3, upTo(51)]);
  });

  it("of this process is better than that on disk", async () => {
    const { loop, source, pass, status } = createWorld({ saved: { ...saved, endpoints: [at(9)] } });
    source.onOpen = (attempt) => attempt.say(snapshot(upTo(2)));
    {
      await using _caller = follow(loop);
      await pass(2_000);
      source.last.say({ kind: "alive" });
      await pass(1_000);
    }
    await pass(5_000);
    source.onOpen = (attempt) => attempt.end(new Error("refused"));
    await using caller = follow(loop);
    await pass(10);
    assert.deepEqual(caller.ids(), [0, 1]);
    assert.ok(Math.abs((status().ageMs ?? 0) - 6_010) < 1);
  });
});

describe("a registry that is down", () => {
  it("for ten minutes costs no endpoint, and the age of the set says since when", async () => {
    const { loop, source, pass, status, kinds } = createWorld({ tuning: { relistMs: 300_000 } });
    source.onOpen = (attempt) => attempt.say(snapshot(upTo(5)));
    await using caller = follow(loop);
    await pass(1_000);
    source.onOpen = (attempt) => {
      if (source.attempts.length % 2 === 0) attempt.end(new Error("refused"));
    };
    source.last.end(new Error("reset"));
    await pass(600_000, 50);
    assert.equal(caller.smallest, 5);
    assert.equal(caller.kinds.length, 1);
    const { state, source: from, ageMs = 0, forMs, endpoints, lastError } = status();
    assert.deepEqual([state, from, endpoints], ["lost", "registry", 5]);
    assert.ok(Math.abs(forMs - 600_000) < 100 && Math.abs(ageMs - 601_000) < 100);
    assert.ok(lastError instanceof Error);
    source.onOpen = (attempt) => attempt.say(snapshot(upTo(6)));
    await pass(6_000);
    assert.deepEqual(caller.ids(), [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(kinds(), ["connected", "disconnected", "connected"]);
  });
});

describe("a slow reader", () => {
  it("holds nobody up, and reads one snapshot of a new epoch when it missed too much", async () => {
    const { loop, source, pass } = createWorld({ tuning: { maxUnread: 20 } });
    source.onOpen = (attempt) => attempt.say(snapshot(upTo(1)));
    await using slow = follow(loop);
    await using quick = follow(loop);
    await settle();
    slow.pause();
    source.last.say(delta([at(1)]));
    await pass(100);
    for (let id = 2; id < 100; id++) {
      source.last.say(delta([at(id)]));
      await pass(30);
    }
    assert.equal(quick.set.endpoints.size, 100);
    assert.equal(slow.set.endpoints.size, 2);
    slow.resume();
    await settle();
    assert.deepEqual(slow.ids(), quick.ids());
    assert.deepEqual([slow.epochs.size, slow.kinds.at(-1)], [2, "snapshot"]);
  });
});

describe("whatever a source does", () => {
  type Step =
    | { readonly do: "snapshot"; readonly ids: number[]; readonly complete: boolean }
    | { readonly do: "upsert"; readonly id: number; readonly weight: number }
    | { readonly do: "remove"; readonly id: number }
    | { readonly do: "fail" | "freeze" | "mend" | "pause" | "resume" }
    | { readonly do: "wait"; readonly ms: number };
  const id = fc.nat({ max: 12 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({
      do: fc.constant("snapshot" as const),
      ids: fc.uniqueArray(id, { minLength: 1, maxLength: 12 }),
      complete: fc.boolean(),
    }),
    fc.record({ do: fc.constant("upsert" as const), id, weight: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ do: fc.constant("remove" as const), id }),
    fc.record({ do: fc.constantFrom("fail", "freeze", "mend", "pause", "resume") }),
    fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(0, 10, 100, 2_000, 20_000) }),
  );

  it("readers end up with what it says, fit every update, and know no less while it is away", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { loop, source, pass } = createWorld({
          tuning: { relistMs: 30_000, maxUnread: 3 },
          source: createScriptedSource({ silenceMs: 3_000 }),
        });
        /** What the registry holds, and whether it can be reached. */
        const truth = new Map<string, Endpoint>([["0", at(0)]]);
        let complete = true;
        let up = true;
        let beats = true;
        source.onOpen = (attempt) => {
          if (up) attempt.say(snapshot([...truth.values()], complete));
          else if (beats) attempt.end(new Error("refused"));
        };
        const tell = (update: Parameters<typeof source.last.say>[0]) => {
          if (up) for (const attempt of source.attempts) if (!attempt.aborted) attempt.say(update);
        };
        const passAlive = async (ms: number) => {
          for (let left = ms; left > 0; left -= 1_000) {
            await pass(Math.min(left, 1_000), 250);
            tell({ kind: "alive" });
          }
          await settle();
        };
        await using steady = follow(loop);
        await using moody = follow(loop);
        await settle();
        for (const next of steps) {
          const known = steady.set.endpoints.size;
          const wasUp = up;
          switch (next.do) {
            case "snapshot":
              truth.clear();
              for (const one of next.ids) truth.set(`${one}`, at(one));
              complete = next.complete;
              tell(snapshot([...truth.values()], complete));
              break;
            case "upsert":
              truth.set(`${next.id}`, at(next.id, { weight: next.weight }));
              tell(delta([at(next.id, { weight: next.weight })]));
              break;
            case "remove":
              if (truth.size > 1) {
                truth.delete(`${next.id}`);
                if (!truth.has(`${next.id}`)) tell(delta([], [next.id]));
              }
              break;
            case "fail":
            case "freeze":
              if (next.do === "fail") for (const attempt of source.attempts) attempt.end(new Error("reset"));
              up = false;
              beats = next.do === "fail";
              break;
            case "mend":
              // What it said meanwhile is lost to those who still listen, and a source notices a gap.
              if (!up) for (const attempt of source.attempts) attempt.end(new Error("gap"));
              up = true;
              break;
            case "pause":
              moody.pause();
              break;
            case "resume":
              moody.resume();
              break;
            case "wait":
              await passAlive(next.ms);
              break;
          }
          await settle();
          if (!wasUp && !up)
            assert.ok(steady.set.endpoints.size >= known, "it knows no less while it is away");
        }
        if (!up) for (const attempt of source.attempts) attempt.end(new Error("gap"));
        up = complete = true;
        tell(snapshot([...truth.values()]));
        moody.resume();
        await passAlive(60_000);
        assert.deepEqual(steady.set.endpoints, truth);
        assert.deepEqual(moody.set.endpoints, truth);
        assert.ok(
          Math.min(steady.smallest, moody.smallest) >= 1,
          "it never was empty, for the registry never was",
        );
        assert.equal(source.openCount, 1);
      }),
      { numRuns: 60 },
    );
  });

  it("a single endpoint that is removed is gone at once", async () => {
    const sizes = fc.integer({ min: 1, max: 40 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), async (size, seed) => {
        const { loop, source, pass } = createWorld();
        source.onOpen = (attempt) => attempt.say(snapshot(upTo(size)));
        await using caller = follow(loop);
        await pass(10);
        for (let left = size; left > 0; left--) {
          const gone = caller.ids()[seed % left];
          assert.ok(gone !== undefined);
          source.last.say(delta([], [gone]));
          await settle();
          assert.ok(!caller.set.endpoints.has(`${gone}`));
          source.last.say({ kind: "alive" });
          await pass(1_000, 1_000);
        }
      }),
      { numRuns: 20 },
    );
  });
});
