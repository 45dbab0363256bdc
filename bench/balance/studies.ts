/**
 * What the balance suite runs: studies, each a list of cells (a scenario) and of policies that meet it. The first
 * ones repeat the figures of the Prequal paper; `fleets` asks whether our default is the best choice elsewhere too.
 */
import {
  burstyTraffic,
  fastAndSlow,
  fastFailing,
  hobbledBed,
  nodeFleet,
  type Scenario,
  skewedClients,
  smallFleet,
  testBed,
} from "heddle/simulate";

export interface Study {
  readonly title: string;
  /** By name, as it stands in tables and in keys of ratios. */
  readonly cells: Readonly<Record<string, Scenario>>;
  readonly policies: readonly string[];
}

const rules = [
  "roundRobin",
  "random",
  "weightedRoundRobin",
  "leastLoaded",
  "leastLoadedPo2c",
  "yarpPo2c",
  "linear",
  "c3",
  "prequal",
];
const contenders = [
  "roundRobin",
  "weightedRoundRobin",
  "leastLoaded",
  "leastLoadedPo2c",
  "peakEwma",
  "c3",
  "prequal",
  "default",
  "oracle",
];

export const hotQuantiles = [0, 0.35, 0.6, 0.75, 0.84, 0.9, 0.99, 1];
export const probeRates = [4, 2.83, 2, 1.41, 1, 0.71, 0.5];
/** λ of the paper's Fig. 10: 13 values, evenly in the exponent. */
export const rifShares = Array.from({ length: 13 }, (_, i) =>
  Number((0.769 + ((1 - 0.769) * i) / 12).toFixed(3)),
);
/** A part of Prequal is missed where it has work to do: which policy lacks it, whom to compare it with, and where. */
export const ablations = [
  { whole: "prequal", without: "prequal countsOwnCalls=false", cell: "few-clients" },
  {
    whole: "prequal probesPerCall=1.41 removalsPerCall=0.25",
    without: "prequal probesPerCall=1.41 removalsPerCall=0.25 removesWorst=false",
    cell: "few-clients",
  },
  { whole: "prequal", without: "prequal maxAgeMs=Infinity", cell: "many-clients" },
];
const slowed = (load: number, changes: Partial<Scenario>): Scenario => ({ ...hobbledBed(load), ...changes });

export const studies = {
  nine: {
    title: "nine rules (Fig. 7)",
    cells: { "70": hobbledBed(0.7), "90": hobbledBed(0.9) },
    policies: [...rules, "peakEwma", "default", "oracle"],
  },
  ramp: {
    title: "load ramp (Fig. 6)",
    cells: Object.fromEntries(
      [0.75, 0.83, 0.93, 1.03, 1.14, 1.27, 1.41, 1.57, 1.74].map((load) => [
        String(load),
        { ...testBed(load), warmUpMs: 45_000 },
      ]),
    ),
    policies: ["weightedRoundRobin", "prequal", "default"],
  },
  probes: {
    title: "probes per call (Fig. 8)",
    cells: { "150": testBed(1.5) },
    policies: probeRates.map((rate) => `prequal removalsPerCall=0.25 probesPerCall=${rate}`),
  },
  quantiles: {
    title: "fast and slow machines (Fig. 9)",
    cells: { "75": fastAndSlow() },
    policies: [...hotQuantiles.map((quantile) => `prequal hotQuantile=${quantile}`), "default"],
  },
  linear: {
    title: "linear rules (Fig. 10)",
    cells: { "94": hobbledBed(0.94) },
    policies: [...rifShares.map((share) => `linear rifShare=${share}`), "prequal"],
  },
  ablation: {
    title: "Prequal without one of its parts",
    cells: {
      "few-clients": slowed(0.9, { name: "few clients", clients: 5 }),
      // One and a half calls a second each: answers grow old before they are used.
      "many-clients": slowed(0.9, { name: "many clients", clients: 800, replicas: 20 }),
    },
    policies: [...new Set(ablations.flatMap(({ whole, without }) => [whole, without]))],
  },
  fleets: {
    title: "other fleets",
    cells: {
      antagonists: hobbledBed(0.9),
      "fast-slow": fastAndSlow(),
      "fast-failing": fastFailing(),
      "3x3": smallFleet(3),
      "10x10": smallFleet(10),
      skewed: skewedClients(),
      bursts: burstyTraffic(),
      node: nodeFleet(),
    },
    policies: contenders,
  },
  "probe-cost": {
    title: "what answering probes costs, of the mean work of a call",
    cells: Object.fromEntries(
      [0, 0.001, 0.01, 0.1].map((share) => [
        `${100 * share}`,
        slowed(0.8, { clients: 10, replicas: 10, probeWorkMs: share * hobbledBed(0.8).work.mean }),
      ]),
    ),
    policies: ["roundRobin", "leastLoaded", "peakEwma", "prequal", "default"],
  },
} as const satisfies Record<string, Study>;

export type StudyName = keyof typeof studies;
export const studyNames = Object.keys(studies) as StudyName[];
