/**
 * The acceptance tests of the simulation that need many seeds. Each says what it found, whether it holds or not: a
 * verdict that fails is a finding, and is printed like the others.
 */
import { bootstrapMean, pairedDifference } from "heddle/simulate";
import { loadRamp } from "./paper.ts";
import { ablations, costQuantiles, hotQuantiles, probeRates, rifShares, type StudyName } from "./studies.ts";
import type { Run } from "./suite.ts";

export interface Verdict {
  readonly name: string;
  readonly holds: boolean;
  readonly found: string;
}

/** Index in `quantilesMs`. */
export const p90 = 1;
export const p99 = 2;
export const p999 = 3;

/** Of the studies that were run. */
export function toVerdicts(runs: readonly Run[]): Verdict[] {
  const judges: Partial<Record<StudyName, (runs: readonly Run[]) => Verdict[]>> = {
    nine: (some) => [...judgeOrder(some), ...judgeDefault(some.filter((run) => run.cell === "90"))],
    ramp: judgeRamp,
    probes: judgeKnee,
    quantiles: judgeQuantiles,
    linear: judgeLinear,
    ablation: judgeAblation,
    fleets: (some) => [...judgeFailing(some), ...judgeDefault(some)],
  };
  return Object.entries(judges).flatMap(([study, judge]) => {
    const own = runs.filter((run) => run.study === study);
    return own.length === 0 ? [] : judge(own);
  });
}

/** One value per seed, in the order of seeds. */
export function perSeed(runs: readonly Run[], cell: string, policy: string, quantile: number): number[] {
  return runs
    .filter((run) => run.cell === cell && run.policy === policy)
    .map(({ quantilesMs }) => quantilesMs[quantile] as number);
}

export function meanOf(runs: readonly Run[], cell: string, policy: string, quantile: number): number {
  return bootstrapMean(perSeed(runs, cell, policy, quantile), 1).mean;
}

/** From best to worst at 90 % load in Fig. 7; those that time out are equal. */
const paperOrder = ["prequal", "c3", "linear", "yarpPo2c", "leastLoadedPo2c", "leastLoaded"];
const timedOut = ["weightedRoundRobin", "random", "roundRobin"];

function judgeOrder(runs: readonly Run[]): Verdict[] {
  const valuesOf = (policy: string) => perSeed(runs, "90", policy, p99);
  const seeds = valuesOf("prequal").length;
  const pairs = [
    ...paperOrder.slice(1).map((policy, i) => [paperOrder[i] as string, policy] as const),
    ...timedOut.map((policy) => [paperOrder.at(-1) as string, policy] as const),
  ];
  const isAsPaper = (better: string, worse: string, seed: number) =>
    (valuesOf(better)[seed] as number) <= (valuesOf(worse)[seed] as number);
  const perPair = pairs.map(([better, worse]) => {
    const count = range(seeds).filter((seed) => isAsPaper(better, worse, seed)).length;
    return `${better} ≤ ${worse} on ${count}`;
  });
  const asPaper = range(seeds).filter((seed) =>
    pairs.every(([better, worse]) => isAsPaper(better, worse, seed)),
  ).length;
  return [
    {
      name: "T4 order of the nine rules at 90 %, p99, is the paper's on 18 of 20 seeds",
      holds: asPaper >= 0.9 * seeds,
      found: `on ${asPaper} of ${seeds} (${perPair.join(", ")})`,
    },
  ];
}

function judgeRamp(runs: readonly Run[]): Verdict[] {
  const failed = (policy: string, load: string) =>
    sum(runs.filter((run) => run.cell === load && run.policy === policy).map((run) => run.failed));
  const loads = [...new Set(runs.map((run) => run.cell))];
  const wrr = (load: string, quantile: number) => meanOf(runs, load, "weightedRoundRobin", quantile);
  const share = failed("weightedRoundRobin", "1.74") / callsOf(runs, "weightedRoundRobin", "1.74");
  return [
    {
      name: "Fig. 6: weighted round robin fails where the paper's does",
      holds:
        Math.abs(wrr("1.03", p99) / 335 - 1) <= 0.1 &&
        wrr("1.27", p99) > 4000 &&
        wrr("1.57", p90) > 4000 &&
        share > 0.25,
      found:
        `1.03: p99 ${wrr("1.03", p99).toFixed(0)} (335); 1.27: p99 ${wrr("1.27", p99).toFixed(0)} (timeout); ` +
        `1.57: p90 ${wrr("1.57", p90).toFixed(0)} (timeout); 1.74: ${(100 * share).toFixed(1)} % errors (over 25 %)`,
    },
    ...["prequal", "default"].map((policy) => {
      const withErrors = loads.filter((load) => failed(policy, load) > 0);
      return {
        name: `Fig. 6: ${policy} has no error at any step`,
        holds: withErrors.length === 0,
        found:
          withErrors.length === 0
            ? `none on ${loads.length} steps; the paper's last step: ${loadRamp["1.74"]?.prequal}`
            : withErrors.map((load) => `${failed(policy, load)} at ${load}`).join(", "),
      };
    }),
  ];
}

function judgeKnee(runs: readonly Run[]): Verdict[] {
  const at = (rate: number) => meanOf(runs, "150", `prequal removalsPerCall=0.25 probesPerCall=${rate}`, p99);
  return [
    {
      name: "T5 the knee of the probe rate is between 1.4 and 0.7 probes a call",
      holds: at(1.41) < 1.1 * at(4) && at(0.71) > 1.1 * at(4),
      found: `p99 by rate: ${probeRates.map((rate) => `${rate} → ${at(rate).toFixed(0)}`).join(", ")}`,
    },
  ];
}

function judgeQuantiles(runs: readonly Run[]): Verdict[] {
  const at = (quantile: number, tail: number) =>
    meanOf(runs, "fast-slow", `prequal hotQuantile=${quantile}`, tail);
  const show = (tail: number) => hotQuantiles.map((q) => `${q} → ${at(q, tail).toFixed(0)}`).join(", ");
  return [
    {
      name: "T6 Q_RIF 0.6 to 0.9 is 5 % better than 0 at p99, and 1 is 1.5 times worse at p99.9",
      holds:
        [0.6, 0.75, 0.84, 0.9].every((quantile) => at(quantile, p99) <= 0.95 * at(0, p99)) &&
        at(1, p999) >= 1.5 * at(0.84, p999),
      found: `p99: ${show(p99)}; p99.9: ${show(p999)}`,
    },
    ...["fast-slow", "hobbled"].map((cell) => {
      const own = meanOf(runs, cell, "default", p99);
      const fixed = [
        ...hotQuantiles.map((quantile) => `prequal hotQuantile=${quantile}`),
        ...costQuantiles.map((quantile) => `default hotQuantile=${quantile}`),
      ].map((policy) => ({ policy, ms: meanOf(runs, cell, policy, p99) }));
      const best = fixed.reduce((one, other) => (other.ms < one.ms ? other : one));
      return {
        name: `the default is within 5 % of the best fixed parameter, its own and Prequal's: ${cell}`,
        holds: own <= 1.05 * best.ms,
        found: `p99 ${own.toFixed(0)}; best fixed: ${best.policy}, ${best.ms.toFixed(0)}`,
      };
    }),
  ];
}

function judgeLinear(runs: readonly Run[]): Verdict[] {
  const values = rifShares.map((share) => meanOf(runs, "94", `linear rifShare=${share}`, p99));
  const prequal = meanOf(runs, "94", "prequal", p99);
  const isMonotone = values.every((value, i) => i === 0 || value <= 1.03 * (values[i - 1] as number));
  return [
    {
      name: "T7 linear rules get better towards RIF only, and Prequal is better than all of them",
      holds: isMonotone && values.every((value) => prequal < value),
      found: `p99 from λ ${rifShares[0]} to 1: ${values.map((value) => value.toFixed(0)).join(" ")}; Prequal ${prequal.toFixed(0)}`,
    },
  ];
}

function judgeAblation(runs: readonly Run[]): Verdict[] {
  return ablations.map(({ whole, without, cell, matters }) => {
    const tails = [p99, p999].map((tail) =>
      pairedDifference(perSeed(runs, cell, without, tail), perSeed(runs, cell, whole, tail)),
    );
    const isWorse = tails.some(({ low }) => low > 0);
    return {
      name: `T10 ${without} ${matters ? "is worse than" : "is no worse than"} ${whole} with ${cell}`,
      holds: isWorse === matters,
      found: tails
        .map(
          ({ mean, low, high }, i) =>
            `${["p99", "p99.9"][i]} by ${[mean, low, high].map(signed).join(" / ")} ms`,
        )
        .join(", "),
    };
  });
}

function judgeFailing(runs: readonly Run[]): Verdict[] {
  const fast = (policy: string) =>
    sum(
      runs.filter((run) => run.cell === "fast-failing" && run.policy === policy).map((run) => run.failedFast),
    );
  const avoided = 1 - fast("default") / fast("roundRobin");
  return [
    {
      name: "T8 of the failures of fast-failing instances that round robin meets, the default avoids 99 %",
      holds: avoided >= 0.99,
      found: `${(100 * avoided).toFixed(2)} %`,
    },
  ];
}

/**
 * In each fleet: who is better than the default, beyond chance? By ratios: a world in which the whole fleet has not
 * enough to work with, as one of three in the dark hour of its neighbours, would outweigh all others in milliseconds.
 */
function judgeDefault(runs: readonly Run[]): Verdict[] {
  const cells = [...new Set(runs.map((run) => run.cell))];
  return cells.map((cell) => {
    const rivals = [...new Set(runs.map((run) => run.policy))].filter(
      (policy) => policy !== "default" && policy !== "oracle",
    );
    const compared = rivals.flatMap((policy) =>
      [p99, p999].map((tail) => {
        const logs = (of: string) => perSeed(runs, cell, of, tail).map(Math.log);
        const { mean, low, high } = pairedDifference(logs(policy), logs("default"));
        const [ratio, least, most] = [mean, low, high].map((value) => Math.exp(value).toFixed(3));
        return {
          high,
          mean,
          text: `${policy} ${["p99", "p99.9"][tail - p99]} × ${ratio} [${least}, ${most}]`,
        };
      }),
    );
    const better = compared.filter(({ high }) => high < 0);
    const nearest = compared.reduce((one, other) => (other.mean < one.mean ? other : one));
    return {
      name: `the default is no worse than any other policy: ${cell === "90" ? "antagonists, hobbled at 90 %" : cell}`,
      holds: better.length === 0,
      found:
        better.length === 0
          ? `nobody is better beyond chance; nearest: ${nearest.text}`
          : `better: ${better.map(({ text }) => text).join(", ")}`,
    };
  });
}

function callsOf(runs: readonly Run[], policy: string, cell: string): number {
  return sum(runs.filter((run) => run.cell === cell && run.policy === policy).map((run) => run.calls));
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(0)}`;
}
