/**
 * The policies by name, as they run in the simulator: the balancers of production, and the oracle. The names are
 * those of the tables in the Prequal paper where it has them.
 */
import { createC3 } from "../balance/c3.ts";
import { createDefault } from "../balance/default-balancer.ts";
import { createLeastRequest } from "../balance/least-request.ts";
import { createLinear } from "../balance/linear.ts";
import { createPeakEwma } from "../balance/peak-ewma.ts";
import { createPolledTwoChoices } from "../balance/polled-two-choices.ts";
import { createPrequal } from "../balance/prequal.ts";
import { createRandom } from "../balance/random.ts";
import { createRoundRobin } from "../balance/round-robin.ts";
import { createUtilizationWeighted } from "../balance/utilization-weighted.ts";
import { createEjecting } from "./ejecting.ts";
import { oracle } from "./oracle.ts";
import type { SimulatedPolicy } from "./simulated-policy.ts";

export const simulatedPolicies = {
  roundRobin: { name: "roundRobin", create: ({ random }) => createRoundRobin({ random }) },
  random: { name: "random", create: ({ random }) => createRandom({ random }) },
  /** Weights by what replicas report of their throughput and their use of cores. */
  weightedRoundRobin: {
    name: "weightedRoundRobin",
    create: ({ random }) => createUtilizationWeighted({ random }),
  },
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
  /** Two choices by what replicas said when last polled, twice a second. */
  yarpPo2c: { name: "yarpPo2c", create: ({ random }) => createPolledTwoChoices({ random }) },
  linear: { name: "linear", create: ({ random }) => createLinear({ random }) },
  c3: { name: "c3", create: ({ random, clients }) => createC3({ random, clients }) },
  peakEwma: { name: "peakEwma", create: ({ random }) => createPeakEwma({ random }) },
  /** As in Fig. 7 of the paper: Q_RIF 0.75, fixed. */
  prequal: { name: "prequal", create: ({ random }) => createPrequal({ random, hotQuantile: 0.75 }) },
  /** What a client uses when nobody chooses, with the ejection around it that each client has. */
  default: {
    name: "default",
    create: ({ random }) => createEjecting({ random, inner: createDefault({ random, avoidFailing: false }) }),
  },
  oracle,
} as const satisfies Record<string, SimulatedPolicy>;

export type SimulatedPolicyName = keyof typeof simulatedPolicies;
