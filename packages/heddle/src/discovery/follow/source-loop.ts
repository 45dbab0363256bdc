/**
 * Keeps one attempt of a source open for as long as anybody wants to know: opens it again after a jittered pause
 * when it is lost, and asks anew from time to time while it lives (a relist), because streams that promise to lose nothing
 * have lost something before (etcd issues 17529, 18089 and 19179).
 *
 * A relist leaves no gap: the old attempt speaks until the new one has answered. If the old one had news
 * meanwhile, the new answer may be older than those, so it is given a moment to catch up before it takes over.
 */
import { backoffMs } from "../../resilience/backoff.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Timer } from "../../runtime/timer.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Source, SourceUpdate } from "../source.ts";
import type { Target } from "../target.ts";
import { registryBackoff, SHORT_LIFE_MS } from "../waiting/pause.ts";
import { openAttempt, type SourceAttempt } from "./source-attempt.ts";

export interface SourceLoopOptions {
  readonly source: Source;
  readonly target: Target;
  readonly runtime: Runtime;
  readonly firstAnswerMs: number;
  /** `Infinity`: never. */
  readonly relistMs: number;
  /** `openedAtMs`: when the attempt began that says it. */
  onSnapshot(endpoints: readonly Endpoint[], complete: boolean, openedAtMs: number): void;
  onDelta(upserted: readonly Endpoint[], removed: readonly string[]): void;
  /** With each attempt before its first snapshot, and when it changes. */
  onServiceConfig(serviceConfig: unknown): void;
  /** The attempt was lost, or did not come about; the next one follows by itself. */
  onLost(error: unknown): void;
}

export interface SourceLoop extends Disposable {
  /** True while an attempt is open that has answered. */
  readonly live: boolean;
  /** When an attempt that had answered spoke last; undefined before the first answer. */
  readonly heardAtMs: number | undefined;
  /** Asks anew at this time at the latest, by the monotonic clock. Holds until a new attempt has answered. */
  relistBy(atMs: number): void;
}

export function createSourceLoop(options: SourceLoopOptions): SourceLoop {
  const { source, target, runtime, firstAnswerMs, relistMs, onSnapshot, onDelta, onServiceConfig, onLost } =
    options;
  const { clock, timers, random } = runtime;
  let current: SourceAttempt | undefined;
  let answeredAtMs: number | undefined;
  let heardAtMs: number | undefined;
  let changedAtMs = Number.NEGATIVE_INFINITY;
  /** What the attempt says of it that has not given a snapshot yet. */
  let firstServiceConfig: unknown;
  /** Attempts in a row without lasting success. */
  let failures = 0;
  let relist: Relist | undefined;
  let relistFailures = 0;
  let relistAtMs = Number.POSITIVE_INFINITY;
  let relistTimer: Timer | undefined;
  let reopenTimer: Timer | undefined;
  let closed = false;

  function open(): void {
    firstServiceConfig = undefined;
    current = openAttempt({ source, target, runtime, firstAnswerMs, onUpdate, onEnd });
  }

  function onUpdate(attempt: SourceAttempt, update: SourceUpdate): void {
    if (attempt === relist?.attempt) return collect(relist, update);
    if (update.kind === "snapshot") {
      if (answeredAtMs === undefined) {
        answered();
        onServiceConfig(firstServiceConfig);
      }
      onSnapshot(update.endpoints, update.complete ?? true, attempt.openedAtMs);
    } else if (update.kind === "delta") {
      onDelta(update.upserted, update.removed);
    } else if (update.kind === "service-config") {
      if (answeredAtMs === undefined) firstServiceConfig = update.serviceConfig;
      else onServiceConfig(update.serviceConfig);
    }
    if (update.kind !== "alive") changedAtMs = clock.now();
  }

  /** A new attempt has answered. */
  function answered(): void {
    answeredAtMs = clock.now();
    relistFailures = 0;
    relistAtMs = Number.POSITIVE_INFINITY;
    relistTimer?.cancel();
    relistBy(clock.now() + relistMs * (0.8 + 0.4 * random.next()));
  }

  function onEnd(attempt: SourceAttempt, error: unknown): void {
    if (attempt === relist?.attempt) return onRelistEnd();
    if (answeredAtMs !== undefined) heardAtMs = attempt.heardAtMs;
    const lasted = answeredAtMs !== undefined && clock.now() - answeredAtMs >= SHORT_LIFE_MS;
    if (lasted) failures = 0;
    const pauseMs = backoffMs(failures, registryBackoff, random);
    failures++;
    current = undefined;
    answeredAtMs = undefined;
    onLost(error);
    if (closed) return;
    if (relist === undefined) reopenTimer = timers.after(pauseMs, open);
    else promote(relist);
  }

  function relistBy(atMs: number): void {
    if (atMs >= relistAtMs) return;
    relistAtMs = atMs;
    relistTimer?.cancel();
    relistTimer = timers.after(Math.max(0, atMs - clock.now()), startRelist);
  }

  function startRelist(): void {
    relistAtMs = Number.POSITIVE_INFINITY;
    // Without a live attempt the next answer is a new one anyway.
    if (answeredAtMs === undefined || relist !== undefined) return;
    const attempt = openAttempt({ source, target, runtime, firstAnswerMs, onUpdate, onEnd });
    relist = { attempt, view: undefined, complete: false, serviceConfig: undefined, timer: undefined };
  }

  function collect(relisted: Relist, update: SourceUpdate): void {
    if (update.kind === "snapshot") {
      const isFirst = relisted.view === undefined;
      relisted.view = new Map(update.endpoints.map((endpoint) => [endpoint.id, endpoint]));
      relisted.complete = update.complete ?? true;
      if (!isFirst) return;
      if (changedAtMs < relisted.attempt.openedAtMs) promote(relisted);
      else relisted.timer = timers.after(CATCH_UP_MS, () => promote(relisted));
    } else if (update.kind === "delta" && relisted.view !== undefined) {
      for (const endpoint of update.upserted) relisted.view.set(endpoint.id, endpoint);
      for (const id of update.removed) relisted.view.delete(id);
    } else if (update.kind === "service-config") {
      relisted.serviceConfig = update.serviceConfig;
    }
  }

  /** The attempt of a relist becomes the one that is followed, whether it has answered yet or not. */
  function promote(relisted: Relist): void {
    const { attempt, view, complete, serviceConfig, timer } = relisted;
    timer?.cancel();
    relist = undefined;
    current?.close();
    current = attempt;
    firstServiceConfig = serviceConfig;
    if (view === undefined) return;
    answered();
    onServiceConfig(serviceConfig);
    onSnapshot([...view.values()], complete, attempt.openedAtMs);
  }

  function onRelistEnd(): void {
    relist?.timer?.cancel();
    relist = undefined;
    relistBy(clock.now() + backoffMs(relistFailures++, { ...RELIST_BACKOFF, maxMs: relistMs }, random));
  }

  open();

  return {
    get live() {
      return answeredAtMs !== undefined;
    },
    get heardAtMs() {
      return answeredAtMs === undefined ? heardAtMs : current?.heardAtMs;
    },
    relistBy,
    [Symbol.dispose]() {
      closed = true;
      current?.close();
      relist?.attempt.close();
      relist?.timer?.cancel();
      relistTimer?.cancel();
      reopenTimer?.cancel();
    },
  };
}

/** How long a relist may lag behind the stream that it replaces. */
const CATCH_UP_MS = 1_000;
/** The old attempt lives, so there is no hurry. */
const RELIST_BACKOFF = { baseMs: 5_000, factor: 2, jitter: 0.2 } as const;

interface Relist {
  readonly attempt: SourceAttempt;
  /** What it says so far; undefined before its first answer. */
  view: Map<string, Endpoint> | undefined;
  complete: boolean;
  serviceConfig: unknown;
  timer: Timer | undefined;
}
