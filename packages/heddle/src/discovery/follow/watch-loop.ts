/**
 * Makes a resolver from a source. Everything that following a registry takes besides speaking its protocol stands behind
 * this, once for all registries: attempts that are opened again and relisted (`source-loop.ts`), silence
 * (`source-attempt.ts`), doubt about sudden losses (`known-set.ts`), the saved set (`target-watch.ts`), folding of bursts
 * (`debounce.ts`), slow readers (`update-queue.ts`).
 *
 * However many channels of a process watch one target, its source is open once.
 */
import { type Runtime, systemRuntime } from "../../runtime/runtime.ts";
import type { DiscoveryEvent } from "../discovery-event.ts";
import type { Resolver } from "../resolver.ts";
import type { Source } from "../source.ts";
import type { Target } from "../target.ts";
import type { WatchStatus } from "../watch-status.ts";
import type { LastGood, LastGoodStore } from "./last-good.ts";
import { TargetWatch } from "./target-watch.ts";
import type { WatchTuning } from "./watch-tuning.ts";

export interface WatchLoopOptions {
  /** Time, timers and randomness. Default: the process's. */
  readonly runtime?: Runtime;
  /** What the watches go through, for logs and metrics. Default: ignored. */
  readonly onEvent?: (event: DiscoveryEvent) => void;
  /** Where complete sets are saved and found again. Default: in memory only. */
  readonly lastGood?: LastGoodStore | undefined;
  readonly tuning?: WatchTuning;
}

export interface WatchLoop extends Resolver {
  /** One for each target that is watched now. */
  describe(): readonly WatchStatus[];
}

export function createWatchLoop(source: Source, options: WatchLoopOptions = {}): WatchLoop {
  const { runtime = systemRuntime, onEvent = () => {}, lastGood, tuning = {} } = options;
  const watches = new Map<string, TargetWatch>();
  /** Sets of targets that nobody watches any more, the latest last. */
  const remembered = new Map<string, LastGood>();
  const epoch = Math.floor(runtime.random.next() * 2 ** 48).toString(36);
  let watchesMade = 0;

  function join(target: Target): TargetWatch {
    const known = watches.get(target.text);
    if (known !== undefined) return known;
    const watch = new TargetWatch({
      source,
      target,
      runtime,
      tuning,
      epoch: `${epoch}.${watchesMade++}`,
      onEvent,
      load: () => load(target.text),
      save: (endpoints, serviceConfig) => lastGood?.save(target.text, endpoints, serviceConfig),
    });
    watches.set(target.text, watch);
    return watch;
  }

  function leave({ text }: Target, watch: TargetWatch): void {
    if (watch.watchers > 0) return;
    watches.delete(text);
    const last = watch.lastGood;
    watch[Symbol.dispose]();
    if (last === undefined) return;
    remembered.delete(text);
    remembered.set(text, last);
    for (const oldest of remembered.keys()) {
      if (remembered.size <= MAX_REMEMBERED) break;
      remembered.delete(oldest);
    }
  }

  async function load(target: string): Promise<LastGood | undefined> {
    const last = remembered.get(target);
    if (last === undefined) return lastGood?.load(target);
    return { ...last, ageMs: Math.max(0, runtime.clock.wallMs() - last.savedAtMs) };
  }

  return {
    scheme: source.scheme,
    async *watch(target, signal) {
      if (signal.aborted) return;
      const watch = join(target);
      const queue = watch.subscribe();
      signal.addEventListener("abort", queue.wake, { once: true });
      try {
        while (!signal.aborted) {
          const update = queue.take();
          if (update === undefined) await queue.news();
          else yield update;
        }
      } finally {
        signal.removeEventListener("abort", queue.wake);
        watch.unsubscribe(queue);
        leave(target, watch);
      }
    },
    describe: () => [...watches.values()].map((watch) => watch.describe()),
  };
}

const MAX_REMEMBERED = 100;
