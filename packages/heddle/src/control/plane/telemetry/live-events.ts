/**
 * What happens, as it happens: server-sent events, a `call` for each that is told and a `tick` every two seconds. A reader
 * that is slow, or a storm, leaves calls out; the next tick says how many.
 */
import type { Clock } from "../../../runtime/clock.ts";
import type { Timers } from "../../../runtime/timer.ts";
import type { LiveEvent, Tick } from "./api.ts";
import { keptCallsOf, summaryOf } from "./call-answers.ts";
import type { StoredCall } from "./call-store.ts";
import { windowOf } from "./service-answers.ts";
import { Tally } from "./tally.ts";
import type { TelemetryStore } from "./telemetry-store.ts";

export interface LiveEventsParts {
  readonly store: TelemetryStore;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Aborted when nobody reads any more. */
  readonly signal: AbortSignal;
}

export async function* liveEvents({ store, clock, timers, signal }: LiveEventsParts): AsyncGenerator<string> {
  const waiting: StoredCall[] = [];
  let room = MAX_CALLS;
  let omitted = 0;
  let wake = Promise.withResolvers<void>();
  let isDue = true;
  using _listening = store.calls.listen((call) => {
    if (room > 0) {
      room--;
      waiting.push(call);
    } else omitted++;
    wake.resolve();
  });
  const timer = timers.every(TICK_MS, () => {
    isDue = true;
    wake.resolve();
  });
  const stop = () => wake.resolve();
  signal.addEventListener("abort", stop);
  try {
    while (!signal.aborted) {
      for (let call = waiting.shift(); call !== undefined; call = waiting.shift())
        yield text({ event: "call", data: summaryOf(call) });
      if (isDue) {
        isDue = false;
        const told = omitted;
        omitted = 0;
        room = MAX_CALLS;
        yield text({ event: "tick", data: tickOf(store, clock.wallMs(), told) });
      }
      await wake.promise;
      wake = Promise.withResolvers<void>();
    }
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", stop);
  }
}

const TICK_MS = 2_000;
/** From tick to tick. */
const MAX_CALLS = 100;

function tickOf(store: TelemetryStore, wallMs: number, omittedCalls: number): Tick {
  const window = windowOf({ store, nowMs: wallMs }, 10);
  const total = new Tally();
  for (const [point] of store.series.points(window.chartFromMs, window.chartUntilMs))
    if (point.key.kind === "served") total.add(point);
  return { nowMs: Math.round(wallMs), total: total.red(10), kept: keptCallsOf(store), omittedCalls };
}

function text({ event, data }: LiveEvent): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
