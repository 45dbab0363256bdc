/**
 * The fields of outlier ejection, as data. Names and meaning of gRPC's part: gRFC A50.
 */
import { duration, type Field, number, whole } from "./field.ts";
import type {
  FailurePercentageConfig,
  LatencyOutlierConfig,
  OutlierConfig,
  SuccessRateConfig,
} from "./service-config.ts";

type FieldsOf<Config> = { readonly [Name in keyof Required<Config>]: Field };

const percent = number("percent", { max: 100 });

const enforcementPercent: Field = {
  is: percent,
  does: "Percent of the cases in which an instance is really ejected.",
  otherwise: "100",
  grpc: "enforcementPercentage",
};

const minimumHosts = (otherwise: string): Field => ({
  is: whole("instances", 1, 100_000),
  does: "Instances with enough calls that there must be.",
  otherwise,
  grpc: "minimumHosts",
});

const requestVolume = (otherwise: string): Field => ({
  is: whole("calls", 0, 1_000_000_000),
  does: "Calls of the interval that an instance must have had.",
  otherwise,
  grpc: "requestVolume",
});

export const failurePercentageFields = {
  thresholdPercent: {
    is: percent,
    does: "Percent of calls that failed, from which on an instance is ejected.",
    otherwise: "20",
    grpc: "threshold",
  },
  timesOthers: {
    is: number("", { max: 1000 }),
    does: "And that many times the share that fails in the rest of the set; 0: whatever fails there.",
    otherwise: "2",
  },
  enforcementPercent,
  minimumHosts: minimumHosts("2"),
  requestVolume: requestVolume("20"),
} as const satisfies FieldsOf<FailurePercentageConfig>;

export const successRateFields = {
  stdevFactor: {
    is: number("", { max: 1000 }),
    does: "Ejected below mean minus so many standard deviations.",
    otherwise: "1.9",
    grpc: "stdevFactor",
  },
  enforcementPercent,
  minimumHosts: minimumHosts("5"),
  requestVolume: requestVolume("100"),
} as const satisfies FieldsOf<SuccessRateConfig>;

export const latencyOutlierFields = {
  timesMedian: {
    is: number("", { min: 1, max: 1000 }),
    does: "Ejected when its mean latency is so many times the median of the instances' means.",
    otherwise: "5",
  },
  minimumMs: { is: duration(), does: "And at least so long.", otherwise: "100" },
  enforcementPercent,
  minimumHosts: minimumHosts("3"),
  requestVolume: requestVolume("20"),
} as const satisfies FieldsOf<LatencyOutlierConfig>;

export const outlierFields = {
  consecutiveFailures: {
    is: whole("calls", 0, 1_000_000),
    does: "Failures in a row after which an instance is ejected at once; 0: this is no reason.",
    otherwise: "5",
  },
  failurePercentage: {
    is: { kind: "optional", of: { kind: "object", fields: failurePercentageFields } },
    does: "Ejected when too many of its calls fail, and more than elsewhere; `false`: this is no reason.",
    otherwise: "on",
    grpc: "failurePercentageEjection",
  },
  successRate: {
    is: { kind: "optional", of: { kind: "object", fields: successRateFields } },
    does: "Ejected when fewer calls succeed than is usual in the set; `false`: this is no reason.",
    otherwise: "`false`",
    grpc: "successRateEjection",
  },
  latency: {
    is: { kind: "optional", of: { kind: "object", fields: latencyOutlierFields } },
    does: "Ejected when its answers take many times as long as elsewhere; `false`: this is no reason.",
    otherwise: "`false`",
  },
  intervalMs: {
    is: duration({ min: 10 }),
    does: "Time over which calls are counted.",
    otherwise: "10 000",
    grpc: "interval",
  },
  baseEjectionMs: {
    is: duration({ min: 1 }),
    does: "How long the first ejection lasts at most.",
    otherwise: "1000",
    grpc: "baseEjectionTime",
  },
  maxEjectionMs: {
    is: duration({ min: 1 }),
    does: "No ejection lasts longer.",
    otherwise: "30 000",
    grpc: "maxEjectionTime",
  },
  growth: {
    is: { kind: "word", words: ["doubling", "linear"] },
    does: "How the time grows with each further ejection: doubled, or by `baseEjectionMs` as in gRPC.",
    otherwise: "`doubling`",
  },
  jitter: {
    is: number("share", { max: 1 }),
    does: "Share of the time that is up to chance, so that not everybody tries again at once.",
    otherwise: "0.5",
  },
  maxEjectionPercent: {
    is: percent,
    does: "Percent of the instances that may be ejected at a time; one may always be, and one always stays.",
    otherwise: "50",
    grpc: "maxEjectionPercent",
  },
  trial: {
    is: { kind: "boolean" },
    does: "One call goes there before all others do, and decides; `false`: it is back with all calls, as in gRPC.",
    otherwise: "`true`",
  },
} as const satisfies FieldsOf<OutlierConfig>;
