/**
 * A linear combination of latency and RIF, on Prequal's pool of probes (NSDI 2024, §5.2 and Fig. 10): the rule that
 * Prequal is measured against, for it shows that no fixed exchange rate between the two is right at all loads.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Candidate } from "./balancer.ts";
import type { ProbePoolOptions } from "./probe-pool.ts";
import { createProbing, type ProbingBalancer } from "./probing.ts";

export interface LinearOptions extends Omit<ProbePoolOptions, "random"> {
  random?: Random;
  /** λ: weight of RIF; latency has the rest. 1 goes by RIF only. Default 0.5. */
  rifShare?: number;
  /** α: what one call in flight is worth, the median latency at RIF 1. Default 75, the paper's. */
  msPerRif?: number;
}

export function createLinear<C extends Candidate>(options: LinearOptions = {}): ProbingBalancer<C> {
  const { random = systemRandom, rifShare = 0.5, msPerRif = 75 } = options;
  const scoreOf = ({ rif, latencyMs }: { rif: number; latencyMs: number }) =>
    (1 - rifShare) * Math.max(0, latencyMs) + rifShare * msPerRif * rif;

  return createProbing<C, undefined>(
    { name: "linear", createState: () => undefined, costOf: scoreOf },
    { ...options, random },
  );
}
