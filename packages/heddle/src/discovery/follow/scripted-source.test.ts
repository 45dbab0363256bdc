/** A source in the hands of a test, and time that passes when the test says so. Used by the tests of the loops. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as macrotask } from "node:timers/promises";
import { createSeededRandom } from "../../runtime/random.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import { createVirtualTime, type VirtualTime } from "../../runtime/virtual-time.ts";
import { createEndpoint, type Endpoint } from "../endpoint.ts";
import type { Source, SourceUpdate } from "../source.ts";
import { parseTarget } from "../target.ts";

export interface ScriptedAttempt {
  readonly aborted: boolean;
  /** Yields these, one after the other. */
  say(...updates: SourceUpdate[]): void;
  /** Throws, or ends without an error. */
  end(error?: Error): void;
}

export interface ScriptedSource extends Source {
  /** All that were opened, the latest last. */
  readonly attempts: readonly ScriptedAttempt[];
  /** The latest. */
  readonly last: ScriptedAttempt;
  readonly openCount: number;
  /** What each attempt says or does when it is opened. */
  onOpen: (attempt: ScriptedAttempt) => void;
}

/** `deaf`: attempts that are aborted neither end nor throw. */
export function createScriptedSource({ silenceMs = 6_000, deaf = false } = {}): ScriptedSource {
  const attempts: ScriptedAttempt[] = [];
  const source: ScriptedSource = {
    scheme: "scripted",
    silenceMs,
    attempts,
    onOpen: () => {},
    get last() {
      const last = attempts.at(-1);
      assert.ok(last, "an attempt was opened");
      return last;
    },
    get openCount() {
      return attempts.filter((attempt) => !attempt.aborted).length;
    },
    async *open(_target, signal) {
      const updates: SourceUpdate[] = [];
      let ended: { error: Error | undefined } | undefined;
      let wake = () => {};
      const attempt: ScriptedAttempt = {
        get aborted() {
          return signal.aborted;
        },
        say(...more) {
          updates.push(...more);
          wake();
        },
        end(error) {
          ended = { error };
          wake();
        },
      };
      attempts.push(attempt);
      if (!deaf) signal.addEventListener("abort", () => wake());
      source.onOpen(attempt);
      for (;;) {
        for (let next = updates.shift(); next !== undefined; next = updates.shift()) yield next;
        if (ended?.error !== undefined) throw ended.error;
        if (ended !== undefined || (signal.aborted && !deaf)) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
  return source;
}

export function createVirtualRuntime(seed = 1) {
  const time = createVirtualTime();
  return { time, runtime: createRuntime({ clock: time, timers: time, random: createSeededRandom(seed) }) };
}

/** Lets all that waits for nothing but other promises happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await macrotask();
}

/** Lets virtual time pass in small steps, with whatever happens in between. */
export async function pass(time: VirtualTime, ms: number, stepMs = 10): Promise<void> {
  await settle();
  for (const untilMs = time.now() + ms; time.now() < untilMs; ) {
    time.advance(Math.min(stepMs, untilMs - time.now()));
    await settle();
  }
}

export function at(id: number | string, fields: Partial<Endpoint> = {}): Endpoint {
  return createEndpoint({ id: `${id}`, address: "10.0.0.1:4001", ...fields });
}

export function upTo(count: number): Endpoint[] {
  return Array.from({ length: count }, (_, id) => at(id));
}

export function snapshot(endpoints: readonly Endpoint[], complete = true): SourceUpdate {
  return { kind: "snapshot", endpoints, complete };
}

export function delta(
  upserted: readonly Endpoint[],
  removed: readonly (string | number)[] = [],
): SourceUpdate {
  return { kind: "delta", upserted, removed: removed.map(String) };
}

test("a scripted source says what it is told, until it is aborted", async () => {
  const source = createScriptedSource();
  const controller = new AbortController();
  const heard: SourceUpdate[] = [];
  source.onOpen = (attempt) => attempt.say(snapshot([at(1)]), { kind: "alive" });
  for await (const update of source.open(parseTarget("scripted:///a"), controller.signal)) {
    heard.push(update);
    if (heard.length === 2) controller.abort();
  }
  assert.deepEqual(
    heard.map(({ kind }) => kind),
    ["snapshot", "alive"],
  );
  assert.equal(source.openCount, 0);
});
