/**
 * One attempt at following a target, read as fast as its source speaks and given up when that falls silent. Nobody asks
 * what the source does about its abort: an attempt that is closed is not heard any more.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Timer } from "../../runtime/timer.ts";
import type { Source, SourceUpdate } from "../source.ts";
import type { Target } from "../target.ts";

export interface SourceAttempt {
  /** By the monotonic clock. */
  readonly openedAtMs: number;
  /** When the source said something last; `openedAtMs` before that. */
  readonly heardAtMs: number;
  /** Aborts the source. Nothing is called back after this. */
  close(): void;
}

export interface SourceAttemptOptions {
  readonly source: Source;
  readonly target: Target;
  readonly runtime: Pick<Runtime, "clock" | "timers">;
  /** How long the source may take to say its first word. */
  readonly firstAnswerMs: number;
  onUpdate(attempt: SourceAttempt, update: SourceUpdate): void;
  /** Once, unless it is closed before: it ended, failed or fell silent. It is closed already. */
  onEnd(attempt: SourceAttempt, error: unknown): void;
}

/** Calls nothing back before it has returned. */
export function openAttempt(options: SourceAttemptOptions): SourceAttempt {
  const { source, target, runtime, firstAnswerMs, onUpdate, onEnd } = options;
  const { clock, timers } = runtime;
  const controller = new AbortController();
  const openedAtMs = clock.now();
  let heardAtMs = openedAtMs;
  let silenceMs = firstAnswerMs;
  let spoke = false;
  let iterator: AsyncIterator<SourceUpdate> | undefined;
  let timer: Timer | undefined;
  let closed = false;

  const attempt: SourceAttempt = {
    openedAtMs,
    get heardAtMs() {
      return heardAtMs;
    },
    close() {
      if (closed) return;
      closed = true;
      timer?.cancel();
      controller.abort();
      void iterator?.return?.().catch(() => {});
    },
  };

  function end(error: unknown): void {
    if (closed) return;
    attempt.close();
    onEnd(attempt, error);
  }

  /** The timer is not moved at each word, it looks when it is due: a thousand busy watches cost no timers. */
  function watchSilence(): void {
    const leftMs = heardAtMs + silenceMs - clock.now();
    if (leftMs <= 0) end(new ConnectError(`nothing was heard for ${silenceMs} ms`, Code.Unavailable));
    else timer = timers.after(leftMs, watchSilence);
  }

  function hear(update: SourceUpdate): void {
    heardAtMs = clock.now();
    const wantedMs =
      (update.kind === "alive" ? update.silenceMs : undefined) ?? (spoke ? silenceMs : source.silenceMs);
    spoke = true;
    if (wantedMs !== silenceMs) {
      silenceMs = wantedMs;
      timer?.cancel();
      watchSilence();
    }
    onUpdate(attempt, update);
  }

  async function read(): Promise<void> {
    iterator = source.open(target, controller.signal)[Symbol.asyncIterator]();
    for (;;) {
      const result = await iterator.next();
      if (closed) return;
      if (result.done) throw new ConnectError("the registry ended the watch", Code.Unavailable);
      hear(result.value);
    }
  }

  watchSilence();
  read().catch(end);
  return attempt;
}
