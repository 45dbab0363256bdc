/**
 * Alerts that need no objective: conditions that are wrong in every system, each with what to look at next. They are tickets;
 * what wakes people are objectives (`slo-rules.ts`), for those say what users see.
 */
import { instruments } from "../telemetry/instruments.ts";
import { labelOf, seriesOf, timeText } from "./promql.ts";
import type { AlertingRule, RuleGroup, RuleTiming } from "./rule-group.ts";

interface Condition {
  readonly alert: string;
  /** By the name of a window, such as `5m`. */
  readonly expr: (window: string) => string;
  /** Minutes that it holds before it counts. */
  readonly minutes: number;
  readonly summary: string;
  readonly next: string;
}

const target = labelOf(instruments.clientCallsWaiting, "server.address");
const refusedFor = labelOf(instruments.clientRetriesRefused, "heddle.reason");
const waitsFor = labelOf(instruments.clientCallsWaiting, "heddle.waits_for");
const watched = labelOf(instruments.discoveryState, "heddle.target");
const state = labelOf(instruments.discoveryState, "heddle.state");

const CONDITIONS: readonly Condition[] = [
  {
    alert: "HeddleInstanceDown",
    expr: () => `up{service!=""} == 0`,
    minutes: 2,
    summary: "{{ $labels.instance }} of {{ $labels.service }} is registered and cannot be scraped",
    next: "heddle ps {{ $labels.service }} shows whether the registry still has it; its own log says why it ended",
  },
  {
    alert: "HeddleNoInstance",
    expr: () =>
      `sum by (service, ${target}) (${seriesOf(instruments.clientCallsWaiting)}{${waitsFor}="instance"}) > 0`,
    minutes: 2,
    summary: `Calls of {{ $labels.service }} wait because {{ $labels.${target} }} has no instance that is ready`,
    next: "heddle ps lists the instances that callers could use",
  },
  {
    alert: "HeddleRegistryLost",
    expr: () =>
      `sum by (service, instance, ${watched}) (${seriesOf(instruments.discoveryState)}{${state}="lost"}) > 0`,
    minutes: 5,
    summary: `{{ $labels.instance }} has lost the registry and goes on with what it knew of {{ $labels.${watched} }}`,
    next: "whether the control plane runs, and can be reached from there; new instances get no calls meanwhile",
  },
  {
    alert: "HeddleRetryBudgetUsedUp",
    expr: (window) =>
      `sum by (service, ${target}) (rate(${seriesOf(instruments.clientRetriesRefused)}{${refusedFor}=~"budget|throttle|guard"}[${window}])) > 0`,
    minutes: 5,
    summary: `{{ $labels.service }} may not repeat more calls to {{ $labels.${target} }}: too many fail`,
    next: "which instance fails: heddle_client_attempt_duration_seconds_count by heddle_peer_instance and rpc_status_code",
  },
  {
    alert: "HeddleServerSheds",
    expr: () => `max by (service, instance) (${seriesOf(instruments.serverShedding)}) == 1`,
    minutes: 5,
    summary:
      "{{ $labels.instance }} of {{ $labels.service }} refuses calls, for there is more to do than it can",
    next: "more instances, or fewer calls: who calls is in service_peer:heddle_client_attempts:rate5m",
  },
  {
    alert: "HeddleEventLoopLate",
    expr: () => `max by (service, instance) (${seriesOf(instruments.eventLoopDelayP99)}) > 0.25`,
    minutes: 5,
    summary:
      "The event loop of {{ $labels.instance }} is late by {{ $value | humanizeDuration }}: something blocks it",
    next: "a CPU profile of that process",
  },
  {
    alert: "HeddleHeapNearLimit",
    expr: () =>
      `max by (service, instance) (${seriesOf(instruments.heapUsed)} / ${seriesOf(instruments.heapLimit)}) > 0.9`,
    minutes: 5,
    summary: "{{ $labels.instance }} uses {{ $value | humanizePercentage }} of the heap that it may have",
    next: "a heap profile, or a larger --max-old-space-size",
  },
  {
    alert: "HeddleMetricsFolded",
    expr: (window) =>
      `sum by (service, instance) (increase(${seriesOf(instruments.metricsFolded)}[${window}])) > 0`,
    minutes: 0,
    summary: "A metric of {{ $labels.instance }} has too many label sets; further ones are counted as other",
    next: "heddle_metrics_folded_total says which, by heddle_metric",
  },
];

export function alertRules({ timeScale }: RuleTiming): RuleGroup {
  const rules = CONDITIONS.map(({ alert, expr, minutes, summary, next }): AlertingRule => {
    return {
      alert,
      expr: expr(timeText(5 * 60 * timeScale)),
      ...(minutes === 0 ? {} : { for: timeText(minutes * 60 * timeScale) }),
      labels: { severity: "ticket" },
      annotations: { summary, next },
    };
  });
  return { name: "heddle-alerts", interval: timeText(30 * timeScale), rules };
}
