/**
 * Prequal (Wydrowski, Kleinberg, Rumble, Archer: "Load is not what you should balance", NSDI 2024), asynchronous:
 * probes ahead of the calls (`probing.ts`), compared hot against cold (`hot-cold.ts`). It needs instances that report
 * their load and answer probes; without any it is least request by two choices.
 *
 * Defaults are the paper's (3 probes a call, 1 removed, δ 1, 1 s), except for the pool, at most half of the set
 * instead of always 16, and Q_RIF, which adapts (`hot-quantile.ts`).
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Candidate } from "./balancer.ts";
import { createRifWindow, isBetterByHotCold } from "./hot-cold.ts";
import { createHotQuantile, noteReportedLatency, type ReportedMean } from "./hot-quantile.ts";
import type { ProbePoolOptions } from "./probe-pool.ts";
import { createProbing, type ProbingBalancer } from "./probing.ts";

export interface PrequalOptions extends Omit<ProbePoolOptions, "random"> {
  random?: Random;
  /**
   * Q_RIF: the share of instances that count as cold. 0 goes by RIF only, 1 by latency only. Default "adaptive",
   * between 0.6 and 0.9.
   */
  hotQuantile?: number | "adaptive";
}

export function createPrequal<C extends Candidate>(options: PrequalOptions = {}): ProbingBalancer<C> {
  const { random = systemRandom, hotQuantile = "adaptive" } = options;
  const rifs = createRifWindow();
  const adaptive = hotQuantile === "adaptive" ? createHotQuantile(random) : undefined;
  let threshold = 0;

  return createProbing<C, ReportedMean>(
    {
      name: "prequal",
      createState: () => ({ meanMs: 0 }),
      isBetter: (a, b) => isBetterByHotCold(a, b, threshold),

      prepare(nowMs, members) {
        if (adaptive?.isDue(nowMs)) adaptive.judge(members.map(({ state }) => state.rule));
        threshold = rifs.threshold(adaptive?.value ?? (hotQuantile as number));
      },

      answered(mean, _nowMs, report) {
        rifs.add(report.requestsInFlight);
        if (adaptive !== undefined) noteReportedLatency(mean, report.latencyMs);
        return report.latencyMs;
      },
    },
    { ...options, random },
  );
}
