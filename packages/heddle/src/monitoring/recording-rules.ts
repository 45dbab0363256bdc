/**
 * What people ask of all instances of a service, worked out once by Prometheus instead of by every panel: rate, errors and
 * duration by service and method, and by who calls whom. Names are `level:metric:operation`
 * (https://prometheus.io/docs/practices/rules/); the level says which labels are left.
 */
import { instruments } from "../telemetry/instruments.ts";
import { labelOf, seriesOf, timeText } from "./promql.ts";
import type { RecordingRule, RuleGroup, RuleTiming } from "./rule-group.ts";
import { SERVER_FAULTS } from "./slo.ts";

const { serverCallDuration, clientCallDuration, clientFailures, clientRetries, clientAttemptDuration } =
  instruments;

/** Added by discovery: who tells. */
const service = "service";
const method = labelOf(serverCallDuration, "rpc.method");
const code = labelOf(serverCallDuration, "rpc.status_code");
const target = labelOf(clientCallDuration, "server.address");
const peer = labelOf(clientAttemptDuration, "heddle.peer.service");
const faults = `${code}=~"${SERVER_FAULTS.join("|")}"`;

/** What dashboards and alerts may use. The window is five minutes, whatever the time scale, as far as names go. */
export const recorded = {
  calls: `service_method:rpc_server_calls:rate5m`,
  faultRatio: `service_method:rpc_server_faults:ratio_rate5m`,
  p50: `service_method:rpc_server_call_duration_seconds:p50_5m`,
  p95: `service_method:rpc_server_call_duration_seconds:p95_5m`,
  p99: `service_method:rpc_server_call_duration_seconds:p99_5m`,
  clientCalls: `service_target:rpc_client_calls:rate5m`,
  clientFailureRatio: `service_target:heddle_client_failures:ratio_rate5m`,
  clientRetryRatio: `service_target:heddle_client_retries:ratio_rate5m`,
  edgeAttempts: `service_peer:heddle_client_attempts:rate5m`,
  edgeFaultRatio: `service_peer:heddle_client_attempt_faults:ratio_rate5m`,
  edgeP99: `service_peer:heddle_client_attempt_duration_seconds:p99_5m`,
  instances: `service:heddle_instances:up`,
} as const;

export function recordingRules({ timeScale }: RuleTiming): RuleGroup {
  const window = `[${timeText(5 * 60 * timeScale)}]`;
  const rate = (by: string, series: string, filter = "") =>
    `sum by (${by}) (rate(${series}${filter === "" ? "" : `{${filter}}`}${window}))`;
  /** Zero where there is traffic and nothing of the kind. */
  const share = (part: string, whole: string) => `(${part} or 0 * ${whole}) / (${whole} > 0)`;
  const quantile = (q: number, by: string, series: string) =>
    `histogram_quantile(${q}, sum by (${by}, le) (rate(${series}${window})))`;

  const served = seriesOf(serverCallDuration, "count");
  const buckets = seriesOf(serverCallDuration, "bucket");
  const called = seriesOf(clientCallDuration, "count");
  const attempts = seriesOf(clientAttemptDuration, "count");
  const byMethod = `${service}, ${method}`;
  const byTarget = `${service}, ${target}`;
  const byPeer = `${service}, ${peer}`;

  const rules: RecordingRule[] = [
    { record: recorded.calls, expr: rate(byMethod, served) },
    { record: recorded.faultRatio, expr: share(rate(byMethod, served, faults), rate(byMethod, served)) },
    { record: recorded.p50, expr: quantile(0.5, byMethod, buckets) },
    { record: recorded.p95, expr: quantile(0.95, byMethod, buckets) },
    { record: recorded.p99, expr: quantile(0.99, byMethod, buckets) },
    { record: recorded.clientCalls, expr: rate(byTarget, called) },
    {
      record: recorded.clientFailureRatio,
      expr: share(rate(byTarget, seriesOf(clientFailures)), rate(byTarget, called)),
    },
    {
      record: recorded.clientRetryRatio,
      expr: share(rate(byTarget, seriesOf(clientRetries)), rate(byTarget, called)),
    },
    { record: recorded.edgeAttempts, expr: rate(byPeer, attempts) },
    { record: recorded.edgeFaultRatio, expr: share(rate(byPeer, attempts, faults), rate(byPeer, attempts)) },
    { record: recorded.edgeP99, expr: quantile(0.99, byPeer, seriesOf(clientAttemptDuration, "bucket")) },
    { record: recorded.instances, expr: `sum by (${service}) (up{${service}!=""})` },
  ];
  return { name: "heddle-recorded", interval: timeText(30 * timeScale), rules };
}
