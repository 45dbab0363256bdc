/**
 * When calls come, and from whom. Always open loop: a call comes when it comes, whether earlier ones have been
 * answered or not. A generator that waits for answers would send less to a slow system and so hide its slowness
 * ("coordinated omission").
 */
import { drawExponential } from "./distributions.ts";
import type { RandomStreams } from "./random-streams.ts";

export type Traffic =
  /** Poisson: independent calls at a constant rate. */
  | { readonly kind: "steady" }
  /** Calm and burst in turn, both of exponential length; in a burst the rate is `factor` times that of calm. */
  | { readonly kind: "bursts"; readonly factor: number; readonly burstMs: number; readonly calmMs: number }
  /** The rate is multiplied by `factor` from one time to another. */
  | { readonly kind: "flash"; readonly factor: number; readonly fromMs: number; readonly toMs: number }
  /** A sine around the mean: the day, made shorter. `swing` from 0 to 1. */
  | { readonly kind: "wave"; readonly swing: number; readonly periodMs: number };

/** A rate factor that holds from a time on. */
interface RateStep {
  readonly atMs: number;
  readonly factor: number;
}

/** Times of all calls in nanoseconds, in order, at `perSecond` on average (of "flash": outside of it). */
export function drawArrivals(
  traffic: Traffic,
  perSecond: number,
  untilMs: number,
  streams: RandomStreams,
): Float64Array {
  const random = streams("arrivals");
  const steps = drawRateSteps(traffic, untilMs, streams);
  let times = new Float64Array(Math.ceil((perSecond * untilMs * 1.2) / 1000) + 64);
  let count = 0;
  steps.forEach(({ atMs, factor }, index) => {
    // The memory of a Poisson process is empty: at each change of the rate it may begin anew.
    const endMs = steps[index + 1]?.atMs ?? untilMs;
    const meanGapMs = 1000 / (perSecond * factor);
    for (let ms = atMs + meanGapMs * drawExponential(random); ms < endMs; ) {
      if (count === times.length) {
        const wider = new Float64Array(2 * count);
        wider.set(times);
        times = wider;
      }
      times[count++] = Math.round(ms * 1e6);
      ms += meanGapMs * drawExponential(random);
    }
  });
  return times.slice(0, count);
}

function drawRateSteps(traffic: Traffic, untilMs: number, streams: RandomStreams): RateStep[] {
  switch (traffic.kind) {
    case "steady":
      return [{ atMs: 0, factor: 1 }];
    case "flash":
      return [
        { atMs: 0, factor: 1 },
        { atMs: traffic.fromMs, factor: traffic.factor },
        { atMs: traffic.toMs, factor: 1 },
      ];
    case "wave": {
      const stepMs = traffic.periodMs / 64;
      return Array.from({ length: Math.ceil(untilMs / stepMs) }, (_, index) => ({
        atMs: index * stepMs,
        factor: 1 + traffic.swing * Math.sin((2 * Math.PI * (index + 0.5)) / 64),
      }));
    }
    case "bursts": {
      const { factor, burstMs, calmMs } = traffic;
      const random = streams("bursts");
      // So that the mean rate is the one that was asked for.
      const calm = (burstMs + calmMs) / (factor * burstMs + calmMs);
      const steps: RateStep[] = [];
      let bursting = false;
      for (let atMs = 0; atMs < untilMs; bursting = !bursting) {
        steps.push({ atMs, factor: bursting ? factor * calm : calm });
        atMs += (bursting ? burstMs : calmMs) * drawExponential(random);
      }
      return steps;
    }
  }
}

/**
 * The client of each of `count` calls. `skew` 0: all clients call equally often; above it the share of the k-th is
 * in proportion to k^-skew (Zipf).
 */
export function drawClients(
  count: number,
  clients: number,
  skew: number,
  streams: RandomStreams,
): Int32Array {
  const random = streams("clients");
  if (skew === 0) return Int32Array.from({ length: count }, () => random.below(clients));
  const sums = new Float64Array(clients);
  let total = 0;
  for (let client = 0; client < clients; client++) {
    total += (client + 1) ** -skew;
    sums[client] = total;
  }
  return Int32Array.from({ length: count }, () => {
    const drawn = random.next() * total;
    const client = sums.findIndex((sum) => sum > drawn);
    return client < 0 ? clients - 1 : client;
  });
}
