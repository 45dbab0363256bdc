/**
 * One target, followed once for all who watch it in this process: its source, the set that is known, the set saved for
 * bad times, and a queue per reader.
 *
 * The saved set is used only while the registry has not given a complete answer: it may name instances that died long
 * ago, so it is better than nothing and worse than any answer. And only a set that the registry called complete is
 * saved, so that a registry that has just started can't make a good file poorer.
 */
import { isDeepStrictEqual } from "node:util";
import { isHeddleError } from "../../call/errors.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Timer } from "../../runtime/timer.ts";
import type { DiscoveryEvent } from "../discovery-event.ts";
import type { Endpoint } from "../endpoint.ts";
import type { ResolverDelta } from "../resolver.ts";
import type { Source } from "../source.ts";
import type { Target } from "../target.ts";
import type { WatchStatus } from "../watch-status.ts";
import { createDebounce, type Debounce } from "./debounce.ts";
import { createKnownSet, type KnownChange, type KnownSet } from "./known-set.ts";
import type { LastGood } from "./last-good.ts";
import { createSourceLoop, type SourceLoop } from "./source-loop.ts";
import { createUpdateQueue, type QueueOrigin, type UpdateQueue } from "./update-queue.ts";
import type { WatchTuning } from "./watch-tuning.ts";

export interface TargetWatchOptions {
  readonly source: Source;
  readonly target: Target;
  readonly runtime: Runtime;
  readonly tuning: WatchTuning;
  /** Different for each watch of the process. */
  readonly epoch: string;
  onEvent(event: DiscoveryEvent): void;
  /** What was saved of this target. */
  load(): Promise<LastGood | undefined>;
  save(endpoints: Iterable<Endpoint>, serviceConfig: unknown): void;
}

export class TargetWatch implements QueueOrigin, Disposable {
  revision = 0n;
  /** Something is known, even if it is that there is nothing. */
  answered = false;
  /** What the registry says of how calls are made, or said when its answer was saved. */
  serviceConfig: unknown;
  readonly #options: TargetWatchOptions;
  readonly #known: KnownSet;
  readonly #loop: SourceLoop;
  readonly #debounce: Debounce;
  readonly #queues = new Set<UpdateQueue>();
  /** What the readers have not been told yet. */
  #changes = new Map<string, Endpoint | undefined>();
  #queuesMade = 0;
  #state: WatchStatus["state"] = "connecting";
  #stateSinceMs: number;
  #lastError: unknown;
  /** The loss of the registry has been told. */
  #lossTold = false;
  #setIsFrom: WatchStatus["source"] = "none";
  #savedSetIsDue = true;
  /** By the registry, and so the saved one is out of date. */
  #serviceConfigHeard = false;
  /** When the saved set in use was good, on the monotonic clock, maybe before its origin. */
  #savedSetAtMs = 0;
  #savedSetTimer: Timer | undefined;
  #saveTimer: Timer | undefined;
  #savedAtMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: TargetWatchOptions) {
    const { runtime, tuning, source, target } = options;
    this.#options = options;
    this.#stateSinceMs = runtime.clock.now();
    this.#known = createKnownSet(runtime.random, tuning.shrinkGuard);
    this.#debounce = createDebounce(runtime, tuning.debounce ?? {}, () => this.#publish());
    this.#savedSetTimer = runtime.timers.after(tuning.lastGoodAfterMs ?? 300, () => void this.#useSavedSet());
    this.#loop = createSourceLoop({
      source,
      target,
      runtime,
      firstAnswerMs: tuning.firstAnswerMs ?? 5_000,
      relistMs: tuning.relistMs ?? 300_000,
      onSnapshot: (endpoints, complete, openedAtMs) => this.#onSnapshot(endpoints, complete, openedAtMs),
      onDelta: (upserted, removed) => this.#apply(this.#known.delta(upserted, removed, this.#nowMs)),
      onServiceConfig: (serviceConfig) => this.#onServiceConfig(serviceConfig),
      onLost: (error) => this.#onLost(error),
    });
  }

  get endpoints(): ReadonlyMap<string, Endpoint> {
    return this.#known.endpoints;
  }

  get complete(): boolean {
    return this.#known.complete;
  }

  get watchers(): number {
    return this.#queues.size;
  }

  get #nowMs(): number {
    return this.#options.runtime.clock.now();
  }

  /** What is known if the registry called it complete, with its age: for whoever watches this target next. */
  get lastGood(): LastGood | undefined {
    if (!this.complete) return undefined;
    const ageMs = this.#ageMs ?? 0;
    const savedAtMs = this.#options.runtime.clock.wallMs() - ageMs;
    const { serviceConfig } = this;
    return { endpoints: [...this.endpoints.values()], serviceConfig, savedAtMs, ageMs };
  }

  subscribe(): UpdateQueue {
    const queue = createUpdateQueue(
      this,
      `${this.#options.epoch}.${this.#queuesMade++}`,
      this.#options.tuning.maxUnread,
    );
    this.#queues.add(queue);
    return queue;
  }

  unsubscribe(queue: UpdateQueue): void {
    this.#queues.delete(queue);
  }

  describe(): WatchStatus {
    return {
      target: this.#options.target.text,
      state: this.#state,
      forMs: this.#nowMs - this.#stateSinceMs,
      source: this.#setIsFrom,
      ageMs: this.#ageMs,
      endpoints: this.endpoints.size,
      held: this.#known.held,
      complete: this.complete,
      watchers: this.watchers,
      lastError: this.#state === "live" ? undefined : this.#lastError,
    };
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#loop[Symbol.dispose]();
    this.#debounce[Symbol.dispose]();
    this.#savedSetTimer?.cancel();
    if (this.#saveTimer !== undefined) this.#save();
  }

  get #ageMs(): number | undefined {
    const atMs = this.#setIsFrom === "last-good" ? this.#savedSetAtMs : this.#loop.heardAtMs;
    return atMs === undefined ? undefined : this.#nowMs - atMs;
  }

  #onSnapshot(endpoints: readonly Endpoint[], complete: boolean, openedAtMs: number): void {
    const { onEvent, target } = this.#options;
    if (this.#state !== "live") {
      this.#enter("live");
      this.#lossTold = false;
      onEvent({ kind: "connected", target: target.text });
    }
    if (complete || this.#setIsFrom === "none") this.#setIsFrom = "registry";
    if (complete) this.#savedSetIsDue = false;
    else void this.#useSavedSet();
    this.#apply(this.#known.snapshot(endpoints, complete, openedAtMs, this.#nowMs));
    if (complete) this.#saveSoon();
  }

  /** Rare enough to be told with all that is known. */
  #onServiceConfig(serviceConfig: unknown): void {
    this.#serviceConfigHeard = true;
    if (isDeepStrictEqual(serviceConfig, this.serviceConfig)) return;
    this.serviceConfig = serviceConfig;
    if (this.answered) this.#publishSnapshot();
    if (this.complete) this.#saveSoon();
  }

  #apply(change: KnownChange): void {
    const { onEvent, target } = this.#options;
    if (change.held > 0)
      onEvent({ kind: "shrink-held", target: target.text, held: change.held, of: this.endpoints.size });
    if (this.#known.held > 0) this.#loop.relistBy(this.#known.confirmAtMs);
    for (const [id, endpoint] of change.changes) this.#changes.set(id, endpoint);
    if (change.changes.size > 0 && this.complete) this.#saveSoon();
    if (!this.answered || change.completed) this.#publishSnapshot();
    else if (change.changes.size === 0) return;
    // Where everything is new, callers may be waiting.
    else if (change.urgent || this.#changes.size >= this.endpoints.size) this.#debounce.flush();
    else this.#debounce.touch();
  }

  #publishSnapshot(): void {
    this.answered = true;
    this.revision++;
    this.#changes = new Map();
    for (const queue of this.#queues) queue.resync();
  }

  #publish(): void {
    if (this.#changes.size === 0) return;
    const upserted: Endpoint[] = [];
    const removed: string[] = [];
    for (const [id, endpoint] of this.#changes) {
      if (endpoint === undefined) removed.push(id);
      else upserted.push(endpoint);
    }
    this.#changes = new Map();
    const previousRevision = this.revision++;
    const delta: ResolverDelta = {
      kind: "delta",
      revision: this.revision,
      previousRevision,
      upserted,
      removed,
    };
    for (const queue of this.#queues) queue.push(delta);
  }

  #onLost(error: unknown): void {
    const { onEvent, target } = this.#options;
    this.#lastError = error;
    if (this.#state === "live") this.#enter("lost");
    if (!this.#lossTold) onEvent({ kind: "disconnected", target: target.text, error });
    this.#lossTold = true;
    // No registry mends what the caller wrote.
    if (isHeddleError(error) && error.reason === "targetInvalid")
      for (const queue of this.#queues) queue.fail(error);
    void this.#useSavedSet();
  }

  #enter(state: WatchStatus["state"]): void {
    this.#state = state;
    this.#stateSinceMs = this.#nowMs;
  }

  async #useSavedSet(): Promise<void> {
    if (!this.#savedSetIsDue) return;
    this.#savedSetIsDue = false;
    this.#savedSetTimer?.cancel();
    const { onEvent, target, load } = this.#options;
    const saved = await load();
    if (saved === undefined || this.complete || this.#closed) return;
    if (!this.#serviceConfigHeard) this.serviceConfig = saved.serviceConfig;
    const change = this.#known.remember(saved.endpoints);
    if (change.changes.size === 0) return;
    this.#setIsFrom = "last-good";
    this.#savedSetAtMs = this.#nowMs - saved.ageMs;
    onEvent({ kind: "last-good", target: target.text, count: change.changes.size, ageMs: saved.ageMs });
    this.#apply(change);
  }

  /** Not at each change: writing costs as much as the set is large. */
  #saveSoon(): void {
    if (this.#saveTimer !== undefined) return;
    const everyMs = SAVE_EVERY_MS + SAVE_EVERY_MS_PER_ENDPOINT * this.endpoints.size;
    const waitMs = this.#savedAtMs + everyMs - this.#nowMs;
    if (waitMs <= 0) this.#save();
    else this.#saveTimer = this.#options.runtime.timers.after(waitMs, () => this.#save());
  }

  #save(): void {
    this.#saveTimer?.cancel();
    this.#saveTimer = undefined;
    this.#savedAtMs = this.#nowMs;
    this.#options.save(this.endpoints.values(), this.serviceConfig);
  }
}

const SAVE_EVERY_MS = 5_000;
const SAVE_EVERY_MS_PER_ENDPOINT = 0.5;
