/**
 * A server's own checks: each runs by itself, and holds the server up while what it looks at does not work. One bad run
 * changes nothing, and what falls again and again stays out longer (`health/health-state.ts`): callers are spared an
 * instance that comes and goes.
 */
import { reasonText } from "../call/errors.ts";
import { createHealthState } from "../health/health-state.ts";
import type { ServerState } from "../health/server-state.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Timer } from "../runtime/timer.ts";
import type { ReadinessCheck, ResolvedHealthOptions } from "./health-options.ts";

/** Holds the server up for each check, and begins to run them. Disposing ends that, and leaves what was found. */
export function startHealthChecks(
  state: ServerState,
  { clock, timers }: Pick<Runtime, "clock" | "timers">,
  options: ResolvedHealthOptions,
): Disposable {
  const closing = new AbortController();
  for (const [name, check] of Object.entries(options.checks)) {
    const hold = `check ${name}`;
    state.hold(hold, `${name} has not been checked yet`);
    void repeat(hold, name, check);
  }

  async function repeat(hold: string, name: string, check: ReadinessCheck): Promise<void> {
    const found = createHealthState({ unhealthyAfter: options.unreadyAfter, healthyAfter: 1 });
    while (!closing.signal.aborted) {
      const fault = await run(check);
      if (closing.signal.aborted) return;
      const health = found.report(fault === undefined, clock.now());
      if (health === "healthy") state.release(hold);
      else if (fault !== undefined) state.hold(hold, `${name}: ${fault}`);
      else state.hold(hold, `${name} has failed too often lately`);
      await pause();
    }
  }

  /** What is wrong; undefined when nothing is. Never rejects, and never takes longer than it may. */
  function run(check: ReadinessCheck): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const late = new AbortController();
    const timer = timers.after(options.checkTimeoutMs, () => {
      late.abort();
      resolve(`it did not answer within ${options.checkTimeoutMs} ms`);
    });
    const signal = AbortSignal.any([late.signal, closing.signal]);
    closing.signal.addEventListener("abort", () => resolve(undefined), { signal: late.signal });
    const running = (async () => check({ signal }))();
    running.then(
      (result) => resolve(result === false ? "it says no" : undefined),
      (error: unknown) => resolve(reasonText(error)),
    );
    return promise.finally(() => {
      timer.cancel();
      late.abort();
    });
  }

  function pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer: Timer = timers.after(options.checkIntervalMs, resolve);
    const end = () => {
      timer.cancel();
      resolve();
    };
    closing.signal.addEventListener("abort", end, { once: true });
    return promise.finally(() => closing.signal.removeEventListener("abort", end));
  }

  return { [Symbol.dispose]: () => closing.abort() };
}
