/**
 * What outlier ejection goes by, complete. What each setting means stands where it is given, at `OutlierConfig`
 * (`policy/service-config.ts`).
 *
 * The defaults differ from Envoy's and gRPC's on purpose. Five failures in a row and 20 % of the calls find an instance
 * that is broken or half broken within milliseconds of traffic, not at the end of an interval of 10 s, and the first
 * ejection lasts 1 s and not 30, for an instance of a mesh restarts in seconds and a trial costs one call. The success
 * rate is off: where all fail about equally rarely, one of them is always two standard deviations below the mean.
 * Latency is off: a balancer that goes by latency already sends a slow instance no more than it can bear, and ejecting
 * it takes that from the set as well.
 */
export interface OutlierSettings {
  readonly consecutiveFailures: number;
  readonly failurePercentage: FailurePercentageSettings | false;
  readonly successRate: SuccessRateSettings | false;
  readonly latency: LatencySettings | false;
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly growth: "doubling" | "linear";
  readonly jitter: number;
  readonly maxEjectionPercent: number;
  readonly trial: boolean;
}

/** What the three that compare instances have in common. */
export interface ComparingSettings {
  readonly enforcementPercent: number;
  readonly minimumHosts: number;
  readonly requestVolume: number;
}

export interface FailurePercentageSettings extends ComparingSettings {
  readonly thresholdPercent: number;
  readonly timesOthers: number;
}

export interface SuccessRateSettings extends ComparingSettings {
  readonly stdevFactor: number;
}

export interface LatencySettings extends ComparingSettings {
  readonly timesMedian: number;
  readonly minimumMs: number;
}

/** The same with everything optional, as it is configured. */
export type OutlierOptions = Partial<
  Omit<OutlierSettings, "failurePercentage" | "successRate" | "latency"> & {
    failurePercentage: Partial<FailurePercentageSettings> | false;
    successRate: Partial<SuccessRateSettings> | false;
    latency: Partial<LatencySettings> | false;
  }
>;

const failurePercentage: FailurePercentageSettings = {
  thresholdPercent: 20,
  timesOthers: 2,
  enforcementPercent: 100,
  minimumHosts: 2,
  requestVolume: 20,
};
const successRate: SuccessRateSettings = {
  stdevFactor: 1.9,
  enforcementPercent: 100,
  minimumHosts: 5,
  requestVolume: 100,
};
const latency: LatencySettings = {
  timesMedian: 5,
  minimumMs: 100,
  enforcementPercent: 100,
  minimumHosts: 3,
  requestVolume: 20,
};

/** Fills in the defaults. Throws RangeError for what makes no sense. */
export function outlierSettings(options: OutlierOptions = {}): OutlierSettings {
  const settings: OutlierSettings = {
    consecutiveFailures: options.consecutiveFailures ?? 5,
    failurePercentage: part(options.failurePercentage ?? {}, failurePercentage),
    successRate: part(options.successRate ?? false, successRate),
    latency: part(options.latency ?? false, latency),
    intervalMs: options.intervalMs ?? 10_000,
    baseEjectionMs: options.baseEjectionMs ?? 1000,
    maxEjectionMs: options.maxEjectionMs ?? 30_000,
    growth: options.growth ?? "doubling",
    jitter: options.jitter ?? 0.5,
    maxEjectionPercent: options.maxEjectionPercent ?? 50,
    trial: options.trial ?? true,
  };
  check("consecutiveFailures", settings.consecutiveFailures, 0);
  check("intervalMs", settings.intervalMs, 1);
  check("baseEjectionMs", settings.baseEjectionMs, 1);
  check("maxEjectionMs", settings.maxEjectionMs, 1);
  check("jitter", settings.jitter, 0, 1);
  check("maxEjectionPercent", settings.maxEjectionPercent, 0, 100);
  return settings;
}

function part<Part extends { readonly [Name in keyof Part]: number }>(
  given: Partial<Part> | false,
  defaults: Part,
): Part | false {
  if (given === false) return false;
  const filled = { ...defaults, ...given };
  for (const [name, value] of Object.entries<number>(filled)) check(name, value, 0);
  return filled;
}

function check(name: string, value: number, least: number, most: number = Number.POSITIVE_INFINITY): void {
  if (!(value >= least && value <= most))
    throw new RangeError(`${name} must be from ${least} to ${most}, not ${value}`);
}
