/**
 * What the process is doing: its event loop, garbage collections, memory and processors. Node is asked to watch when
 * somebody first looks, so that a process whose metrics nobody reads is not woken for them.
 */
import { constants, monitorEventLoopDelay, PerformanceObserver, performance } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";

export interface ProcessFigures {
  /** Since the last look, in seconds; absent at the first look, and when nothing was seen. */
  readonly eventLoopDelay?: Readonly<Record<"mean" | "p50" | "p90" | "p99" | "max", number>>;
  /** Share of the time since the last look that the event loop was not idle. */
  readonly eventLoopUtilization: number;
  /** Since the process began, in seconds. */
  readonly eventLoopActive: number;
  readonly eventLoopIdle: number;
  readonly heapUsedBytes: number;
  readonly heapLimitBytes: number;
  readonly memoryBytes: number;
  /** Since the process began, in seconds. */
  readonly cpuUser: number;
  readonly cpuSystem: number;
  readonly uptime: number;
}

export interface ProcessWatch extends Disposable {
  read(): ProcessFigures;
}

/** `onGc` hears of each garbage collection, with its kind and how long it took, in seconds. */
export function createProcessWatch(onGc: (type: string, seconds: number) => void): ProcessWatch {
  let delay: ReturnType<typeof monitorEventLoopDelay> | undefined;
  let collections: PerformanceObserver | undefined;
  let loopBefore = performance.eventLoopUtilization();

  function begin(): void {
    delay = monitorEventLoopDelay({ resolution: DELAY_EVERY_MS });
    delay.enable();
    collections = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) onGc(typeOf(entry), entry.duration / 1000);
    });
    collections.observe({ entryTypes: ["gc"] });
  }

  function readDelay(): ProcessFigures["eventLoopDelay"] {
    if (delay === undefined || delay.count === 0) return undefined;
    // What is measured is the time between two looks of the timer, of which its own is not lateness.
    const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - DELAY_EVERY_MS / 1000);
    const figures = {
      mean: late(delay.mean),
      p50: late(delay.percentile(50)),
      p90: late(delay.percentile(90)),
      p99: late(delay.percentile(99)),
      max: late(delay.max),
    };
    delay.reset();
    return figures;
  }

  return {
    read() {
      const eventLoopDelay = readDelay();
      if (delay === undefined) begin();
      const loop = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(loop, loopBefore);
      loopBefore = loop;
      const { used_heap_size: heapUsedBytes, heap_size_limit: heapLimitBytes } = getHeapStatistics();
      const { user, system } = process.cpuUsage();
      return {
        ...(eventLoopDelay === undefined ? {} : { eventLoopDelay }),
        eventLoopUtilization: utilization,
        eventLoopActive: loop.active / 1000,
        eventLoopIdle: loop.idle / 1000,
        heapUsedBytes,
        heapLimitBytes,
        memoryBytes: process.memoryUsage.rss(),
        cpuUser: user / 1e6,
        cpuSystem: system / 1e6,
        uptime: process.uptime(),
      };
    },
    [Symbol.dispose]() {
      delay?.disable();
      collections?.disconnect();
    },
  };
}

/** Node's types do not know what it tells of a collection. */
function typeOf(entry: object): string {
  const { detail } = entry as { readonly detail?: { readonly kind?: number } };
  return GC_TYPES.get(detail?.kind) ?? "other";
}

/** How often Node looks how late the event loop is. Less than a look in 100 ms would miss most that people notice. */
const DELAY_EVERY_MS = 100;

const GC_TYPES: ReadonlyMap<number | undefined, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MINOR, "minor"],
  [constants.NODE_PERFORMANCE_GC_MAJOR, "major"],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, "incremental"],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, "weakcb"],
]);
