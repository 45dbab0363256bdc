/**
 * How much work a call is, and the other quantities that are drawn. All in milliseconds, each with its exact mean,
 * because the offered load of a scenario is computed from it.
 */
import type { Random } from "../runtime/random.ts";

export interface Distribution {
  /** Expected value. */
  readonly mean: number;
  /** One value, 0 or more. */
  draw(random: Random): number;
}

export function constant(value: number): Distribution {
  return { mean: value, draw: () => value };
}

export function exponential(mean: number): Distribution {
  return { mean, draw: (random) => drawExponential(random) * mean };
}

/**
 * A normal variable with what is below 0 set to 0. With mean and deviation 80 it is the work of the Prequal paper's
 * test bed: its quantiles are the latencies that the paper reports for the unloaded system.
 */
export function clampedNormal(mean: number, deviation: number): Distribution {
  const z = mean / deviation;
  return {
    mean: mean * normalCdf(z) + deviation * normalDensity(z),
    draw: (random) => Math.max(0, mean + deviation * drawNormal(random)),
  };
}

/** A normal variable drawn again until it is 0 or more: the other reading of "truncated at zero". */
export function resampledNormal(mean: number, deviation: number): Distribution {
  const z = mean / deviation;
  return {
    mean: mean + (deviation * normalDensity(z)) / normalCdf(z),
    draw: (random) => {
      for (;;) {
        const value = mean + deviation * drawNormal(random);
        if (value >= 0) return value;
      }
    },
  };
}

/** `rare` with probability `share`, else `usual`. */
export function bimodal(usual: number, rare: number, share: number): Distribution {
  return {
    mean: usual * (1 - share) + rare * share,
    draw: (random) => (random.next() < share ? rare : usual),
  };
}

/** Pareto with the given least value and shape (above 1); what is above `cap` is `cap`. */
export function cappedPareto(least: number, shape: number, cap: number): Distribution {
  return {
    mean: (shape * least - least ** shape * cap ** (1 - shape)) / (shape - 1),
    draw: (random) => Math.min(cap, least * (1 - random.next()) ** (-1 / shape)),
  };
}

/** With mean 1. */
export function drawExponential(random: Random): number {
  return -Math.log(1 - random.next());
}

/** Standard normal, by Marsaglia's polar method; the second value is thrown away to keep no state. */
export function drawNormal(random: Random): number {
  for (;;) {
    const u = 2 * random.next() - 1;
    const v = 2 * random.next() - 1;
    const s = u * u + v * v;
    if (s > 0 && s < 1) return u * Math.sqrt((-2 * Math.log(s)) / s);
  }
}

export function normalDensity(z: number): number {
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
}

/** By the continued series of Marsaglia ("Evaluating the Normal Distribution", 2004); exact to about 1e-15 for |z| < 6. */
export function normalCdf(z: number): number {
  let sum = z;
  let term = z;
  for (let i = 3; Math.abs(term) > 1e-17 * Math.abs(sum); i += 2) {
    term *= (z * z) / i;
    sum += term;
  }
  return 0.5 + sum * normalDensity(z);
}
