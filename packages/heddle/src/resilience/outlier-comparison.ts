/**
 * Which instances stand out among the others: at a failure by the share of calls that failed, once an interval by success
 * rate as in gRFC A50 and Envoy (mean minus some standard deviations) and by latency (mean against the median of the set).
 * Source: https://github.com/grpc/proposal/blob/master/A50-xds-outlier-detection.md
 */
import type { FailurePercentageSettings, LatencySettings, SuccessRateSettings } from "./outlier-settings.ts";
import type { Standing } from "./outlier-standing.ts";

export function failsMoreThanOthers(
  standing: Standing,
  standings: Iterable<Standing>,
  { thresholdPercent, timesOthers, minimumHosts, requestVolume }: FailurePercentageSettings,
): boolean {
  const percent = standing.failurePercent;
  if (standing.volume < requestVolume || !(percent > thresholdPercent)) return false;
  let hosts = 0;
  let volume = 0;
  let failed = 0;
  for (const other of standings) {
    if (other.state !== "in") continue;
    if (other.volume >= requestVolume) hosts++;
    if (other === standing) continue;
    volume += other.volume;
    failed += other.failed + other.failedBefore;
  }
  const percentElsewhere = volume === 0 ? 0 : (failed * 100) / volume;
  return hosts >= minimumHosts && percent > timesOthers * percentElsewhere;
}

/** An attempt ran out of time: whether others would have answered, for their answers take less than half of it. */
export function isLate(latencyMs: number, standings: Iterable<Standing>): boolean {
  let timed = 0;
  let totalMs = 0;
  for (const standing of standings) {
    timed += standing.timed + standing.timedBefore;
    totalMs += standing.latencyMs + standing.latencyBeforeMs;
  }
  return latencyMs >= 0 && latencyMs * timed >= 2 * totalMs;
}

export function successRateOutliers(
  standings: readonly Standing[],
  { stdevFactor, minimumHosts, requestVolume }: SuccessRateSettings,
): readonly Standing[] {
  const judged = standings.filter(({ volume }) => volume >= requestVolume && volume > 0);
  if (judged.length < minimumHosts || judged.length === 0) return [];
  const rates = judged.map(({ failurePercent }) => 1 - failurePercent / 100);
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
  const threshold = mean - stdevFactor * Math.sqrt(variance);
  return judged.filter((_, i) => (rates[i] as number) < threshold);
}

export function latencyOutliers(
  standings: readonly Standing[],
  { timesMedian, minimumMs, minimumHosts, requestVolume }: LatencySettings,
): readonly Standing[] {
  const judged = standings.filter(
    ({ timed, timedBefore }) => timed + timedBefore >= Math.max(1, requestVolume),
  );
  if (judged.length < minimumHosts || judged.length === 0) return [];
  const means = judged.map(({ meanLatencyMs }) => meanLatencyMs).sort((a, b) => a - b);
  // The lower of the two in the middle: of two instances the slower one stands out against the other.
  const median = means[(means.length - 1) >> 1] as number;
  return judged.filter(
    ({ meanLatencyMs }) => meanLatencyMs >= minimumMs && meanLatencyMs > timesMedian * median,
  );
}
