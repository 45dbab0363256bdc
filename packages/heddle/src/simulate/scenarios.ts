/**
 * The fleets that policies are judged on. The first is the test bed of the Prequal paper (Wydrowski et al., NSDI
 * 2024, §5.1): 100 clients, 100 replicas with 10 % of a 64-thread machine each, work of max(0, N(80 ms, 80 ms)).
 *
 * What the paper does not say is what the neighbours on the machines do. `neighbours` is fitted to the row of
 * weighted round robin in its Fig. 6, to nothing else, and stays as it is for all other rows and scenarios.
 */
import { clampedNormal } from "./distributions.ts";
import type { Antagonists, Hobbling } from "./machines.ts";
import { createProcessorSharing } from "./processor-sharing.ts";
import type { Scenario } from "./scenario.ts";

/** 5 600 calls of 86.7 ms a second on 100 replicas are 75 % of the allocation: 6.47 cores, a tenth of the machine. */
const allocatedCores = 6.47;
const machineThreads = 64;

/** Fitted to Fig. 6 of the paper, row WRR. */
export const neighbours: Antagonists = {
  medianHeadroom: 1.85,
  between: 0.2,
  within: 0.12,
  dwellMs: 40_000,
  leastHeadroom: 1,
  mostHeadroom: machineThreads / allocatedCores,
  contendedSpeed: 1,
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
