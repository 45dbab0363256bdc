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
  /** Worlds of a full run. A cell may have a number of its own, small fleets being cheap. */
  readonly seeds: number | Readonly<Record<string, number>>;
}

export function seedsOf({ seeds }: Study, cell: string): number {
  return typeof seeds === "number" ? seeds : (seeds[cell] as number);
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
/** The same parameter of the default's cost. */
export const costQuantiles = [0.6, 0.75, 0.9, 0.95];
export const probeRates = [4, 2.83, 2, 1.41, 1, 0.71, 0.5];
/** λ of the paper's Fig. 10: 13 values, evenly in the exponent. */
export const rifShares = Array.from({ length: 13 }, (_, i) =>
  Number((0.769 + ((1 - 0.769) * i) / 12).toFixed(3)),
);
const sparing = "probesPerCall=1 removalsPerCall=0.25";
/**
 * A part is missed where it has work to do: which policy lacks it, whom to compare it with, and where. Cells were looked for on
 * other worlds than those that are reported. `matters: false`: no cell was found in which it is missed.
 */
export const ablations = [
  {
    whole: `prequal ${sparing}`,
    without: `prequal ${sparing} countsOwnCalls=false`,
    cell: "few-clients",
    matters: true,
  },
  {
    whole: `prequal ${sparing}`,
    without: `prequal ${sparing} removesWorst=false`,
    cell: "few-clients",
    matters: false,
  },
  { whole: "prequal", without: "prequal maxAgeMs=Infinity", cell: "many-clients", matters: true },
  { whole: "default", without: "default averageMs=1", cell: "few-clients", matters: true },
  { whole: "default", without: "prequal hotQuantile=0.84", cell: "few-clients", matters: true },
];
/** Short enough that twenty worlds of everything take less than an hour of one core. */
const bed = (scenario: Scenario): Scenario => ({ ...scenario, measureMs: 10_000 });
const slowed = (load: number, changes: Partial<Scenario>): Scenario => ({ ...hobbledBed(load), ...changes });

export const studies = {
  nine: {
    title: "nine rules (Fig. 7)",
    cells: { "70": bed(hobbledBed(0.7)), "90": bed(hobbledBed(0.9)) },
    policies: [...rules, "peakEwma", "default", "oracle"],
    seeds: 20,
  },
  ramp: {
    title: "load ramp (Fig. 6)",
    cells: Object.fromEntries(
      [0.75, 0.83, 0.93, 1.03, 1.14, 1.27, 1.41, 1.57, 1.74].map((load) => [
        String(load),
        { ...bed(testBed(load)), warmUpMs: 30_000 },
      ]),
    ),
    policies: ["weightedRoundRobin", "prequal", "default"],
    seeds: 2,
  },
  probes: {
    title: "probes per call (Fig. 8)",
    cells: { "150": bed(testBed(1.5)) },
    policies: probeRates.map((rate) => `prequal removalsPerCall=0.25 probesPerCall=${rate}`),
    seeds: 3,
  },
  quantiles: {
    title: "fast and slow machines (Fig. 9)",
    cells: { "fast-slow": bed(fastAndSlow()), hobbled: bed(hobbledBed(0.9)) },
    policies: [
      ...hotQuantiles.map((quantile) => `prequal hotQuantile=${quantile}`),
      ...costQuantiles.map((quantile) => `default hotQuantile=${quantile}`),
      "default",
    ],
    seeds: 3,
  },
  linear: {
    title: "linear rules (Fig. 10)",
    cells: { "94": bed(hobbledBed(0.94)) },
    policies: [...rifShares.map((share) => `linear rifShare=${share}`), "prequal"],
    seeds: 3,
  },
  ablation: {
    title: "Prequal and the default without one of their parts",
    cells: {
      "few-clients": slowed(1.2, {
        name: "few clients",
        clients: 3,
        replicas: 30,
        warmUpMs: 10_000,
        measureMs: 15_000,
      }),
      // Three calls a second each: answers grow old before they are used.
      "many-clients": slowed(0.9, { name: "many clients", clients: 400, replicas: 20 }),
    },
    policies: [...new Set(ablations.flatMap(({ whole, without }) => [whole, without]))],
    seeds: 5,
  },
  fleets: {
    title: "other fleets",
    cells: {
      "fast-slow": bed(fastAndSlow()),
      "fast-failing": { ...fastFailing(), measureMs: 40_000 },
      "3x3": { ...smallFleet(3), measureMs: 100_000 },
      "10x10": { ...smallFleet(10), measureMs: 60_000 },
      skewed: bed(skewedClients()),
      bursts: burstyTraffic(),
      node: nodeFleet(),
    },
    policies: contenders,
    seeds: { "fast-slow": 5, "fast-failing": 8, "3x3": 16, "10x10": 8, skewed: 5, bursts: 6, node: 5 },
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
    seeds: 5,
  },
} as const satisfies Record<string, Study>;

export type StudyName = keyof typeof studies;
export const studyNames = Object.keys(studies) as StudyName[];
