/**
 * The fleets that policies are judged on. The first is the test bed of the Prequal paper (Wydrowski et al., NSDI
 * 2024, §5.1): 100 clients, 100 replicas with 10 % of a 64-thread machine each, work of max(0, N(80 ms, 80 ms)).
 *
 * What the paper does not say is what the neighbours on the machines do. `neighbours` follows the row of weighted
 * round robin in its Fig. 6 and one fact of the row of Prequal (see there), and is the same for all scenarios.
 */
import { clampedNormal, exponential } from "./distributions.ts";
import { createEventLoop } from "./event-loop.ts";
import type { Antagonists, Hobbling } from "./machines.ts";
import { createProcessorSharing } from "./processor-sharing.ts";
import type { Scenario } from "./scenario.ts";

/** 5 600 calls of 86.7 ms a second on 100 replicas are 75 % of the allocation: 6.47 cores, a tenth of the machine. */
const allocatedCores = 6.47;
const machineThreads = 64;

/**
 * Chosen by hand, from a dozen settings of which most were run on one world, after Fig. 6 of the paper, row WRR: p99 335 ms at
 * 1.03 of the allocation, p99 lost at 1.27, p90 lost and p50 111 ms at 1.57, more than a quarter of the calls failing at
 * 1.74. Run in full it shows p99 330 and 942 ms in two worlds at 1.03, 3124 at 1.27, p90 1682 and p50 117 at 1.57, and 8.8 %
 * failing at 1.74: from the same steps on, but less deeply. Less headroom (median 1.85 to 1.9, as its text suggests), perfect
 * isolation, longer dwelling and watching for two minutes were tried: they come no nearer, all in all.
 *
 * It is not independent of Prequal: a harder setting was dropped because the machines together could not do the work of
 * 1.74, which in the paper they can, and that was seen in Prequal's errors. So "no errors at 1.74" proves nothing here.
 */
export const neighbours: Antagonists = {
  medianHeadroom: 2,
  between: 0.25,
  within: 0.09,
  dwellMs: 40_000,
  leastHeadroom: 0.7,
  mostHeadroom: machineThreads / allocatedCores,
  contendedSpeed: 0.9,
};

/** Fig. 7: one in eight replicas is at half speed and gets no more than its allocation. */
export const hobbled: Hobbling = { share: 0.12, speed: 0.55, lastsMs: 40_000 };

/** The paper's test bed at 90 % of the allocation, on machines that have nobody else on them. */
export const quietBed: Scenario = {
  name: "quiet",
  clients: 100,
  replicas: 100,
  machines: {
    cores: allocatedCores,
    antagonists: { ...neighbours, medianHeadroom: machineThreads / allocatedCores, between: 0, within: 0 },
  },
  createServer: createProcessorSharing,
  load: 0.9,
  work: clampedNormal(80, 80),
  traffic: { kind: "steady" },
  clientSkew: 0,
  warmUpMs: 20_000,
  measureMs: 20_000,
  coolDownMs: 1_000,
  deadlineMs: 5_000,
  cancels: false,
  network: { roundTripMs: 0.3, jitter: 0.2, probeLoss: 0.001 },
  probeWorkMs: 0,
  probeTimeoutMs: 3,
};

/** The test bed with its neighbours. `load` is of the allocation. */
export function testBed(load: number): Scenario {
  const machines = { cores: allocatedCores, antagonists: neighbours };
  return { ...quietBed, name: `test bed at ${toPercent(load)}`, load, machines };
}

/** The same where some machines are hobbled: Fig. 7, and the scenario that the default policy is judged on first. */
export function hobbledBed(load: number): Scenario {
  const { machines } = testBed(load);
  return {
    ...quietBed,
    name: `hobbled at ${toPercent(load)}`,
    load,
    machines: { ...machines, hobbling: hobbled },
  };
}

/** Fig. 9: a call takes half of the replicas twice the work, at 75 %. */
export function fastAndSlow(): Scenario {
  const { machines, ...bed } = testBed(0.75);
  const isSlow = (replica: number) => replica % 2 === 1;
  // 75 % of what they can do: a slow one counts half.
  const speedOf = (replica: number) => (isSlow(replica) ? 2 / 3 : 4 / 3);
  return { ...bed, name: "fast and slow", machines: { ...machines, speedOf } };
}

/** Two of twenty answer every call at once, with an error. */
export function fastFailing(): Scenario {
  const failing = { replicas: 2, afterMs: 1, fromMs: 5_000 };
  return { ...hobbledBed(0.75), name: "fast-failing", clients: 20, replicas: 20, failing };
}

/** n clients and n replicas, at 80 % because few replicas even out less. */
export function smallFleet(n: number): Scenario {
  return { ...hobbledBed(0.8), name: `${n} × ${n}`, clients: n, replicas: n };
}

/** The busiest client of a hundred sends a fifth of all calls, the last fourteen calls a second. */
export function skewedClients(): Scenario {
  return { ...hobbledBed(0.9), name: "skewed clients", clientSkew: 1 };
}

/** A fifth of the time three times the traffic, for half a second on average. */
export function burstyTraffic(): Scenario {
  const traffic = { kind: "bursts", factor: 3, burstMs: 500, calmMs: 2_000 } as const;
  return { ...hobbledBed(0.75), name: "bursts", traffic };
}

/** Ten Node processes of a core each, that compute for 2 ms and wait for 8; one in eight at half speed. */
export function nodeFleet(): Scenario {
  return {
    ...quietBed,
    name: "Node, 10 × 10",
    clients: 10,
    replicas: 10,
    machines: { cores: 1, hobbling: { ...hobbled, share: 0.2 } },
    createServer: () => createEventLoop(waitShare),
    // Load is of computing: the waiting is no work of the process.
    load: 0.7 / (1 - waitShare),
    work: exponential(10),
    deadlineMs: 1_000,
  };
}

const waitShare = 0.8;

function toPercent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
