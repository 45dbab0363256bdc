/** The policies by name, as they run in the simulator: those of production, and those that only exist to compare. */
import { createLeastRequest } from "../balance/least-request.ts";
import { createPeakEwma } from "../balance/peak-ewma.ts";
import { createRandom } from "../balance/random.ts";
import { createRoundRobin } from "../balance/round-robin.ts";
import { oracle } from "./baselines/oracle.ts";
import { polledTwoChoices } from "./baselines/polled-two-choices.ts";
import type { SimulatedPolicy } from "./simulated-policy.ts";

export const simulatedPolicies = {
  roundRobin: { name: "roundRobin", create: ({ random }) => createRoundRobin({ random }) },
  random: { name: "random", create: ({ random }) => createRandom({ random }) },
  /** The fewest calls in flight from this client, of all. */
  leastLoaded: {
    name: "leastLoaded",
    create: ({ random }) => createLeastRequest({ random, fullScanUpTo: Number.POSITIVE_INFINITY }),
  },
  /** The same of two random ones. */
  leastLoadedPo2c: {
    name: "leastLoadedPo2c",
    create: ({ random }) => createLeastRequest({ random, fullScanUpTo: 1 }),
  },
  yarpPo2c: polledTwoChoices(),
  peakEwma: { name: "peakEwma", create: ({ random }) => createPeakEwma({ random }) },
  oracle,
} as const satisfies Record<string, SimulatedPolicy>;

export type SimulatedPolicyName = keyof typeof simulatedPolicies;
