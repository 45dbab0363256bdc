/**
 * What the Prequal paper reports (Wydrowski, Kleinberg, Rumble, Archer: "Load is not what you should balance:
 * Introducing Prequal", NSDI 2024), to stand beside our own figures. Milliseconds; 5000 is the deadline.
 */
const timeout = 5000;

/** Fig. 7, read off the bars: 90 % and 99 % latency at 70 % and 90 % of the allocation. */
export const nineRules: Readonly<Record<string, readonly [number, number, number, number]>> = {
  roundRobin: [4984, timeout, timeout, timeout],
  random: [294, timeout, timeout, timeout],
  weightedRoundRobin: [173, 314, 1667, timeout],
  leastLoaded: [343, 1804, 940, 2654],
  leastLoadedPo2c: [224, 569, 623, 1918],
  yarpPo2c: [210, 2642, 213, 1169],
  linear: [206, 698, 245, 1036],
  c3: [161, 299, 164, 304],
  prequal: [149, 281, 152, 286],
};

/** Fig. 6 and its text: what weighted round robin and Prequal showed at each step of the ramp. */
export const loadRamp: Readonly<
  Record<string, { readonly load: number; readonly wrr: string; readonly prequal: string }>
> = {
  "0.93": { load: 0.93, wrr: "80/182/265/325, no errors", prequal: "the same" },
  "1.03": { load: 1.03, wrr: "p99 335, p99.9 timeout", prequal: "no visible change" },
  "1.27": { load: 1.27, wrr: "p90 203, p99 timeout", prequal: "p99.9 about 350" },
  "1.57": { load: 1.57, wrr: "p50 111, p90 timeout", prequal: "p99 has begun to rise" },
  "1.74": { load: 1.74, wrr: "p50 150, over 25 % errors", prequal: "p99.9 about 700, no errors" },
};
