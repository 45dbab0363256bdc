/**
 * The five dashboards, from the outside in: all services, one of them, who calls whom, the processes, and what was promised.
 * Queries are put together from the table of instruments and from what recording rules record.
 */
import { labelOf, seriesOf } from "../../packages/heddle/src/monitoring/promql.ts";
import { recorded } from "../../packages/heddle/src/monitoring/recording-rules.ts";
import { sloSeries } from "../../packages/heddle/src/monitoring/slo-rules.ts";
import { instruments } from "../../packages/heddle/src/telemetry/instruments.ts";
import type { Board, Panel, Query, Variable } from "./panel.ts";

const method = labelOf(instruments.serverCallDuration, "rpc.method");
const code = labelOf(instruments.serverCallDuration, "rpc.status_code");
const target = labelOf(instruments.clientCallDuration, "server.address");
const peer = labelOf(instruments.clientAttemptDuration, "heddle.peer.service");
const peerInstance = labelOf(instruments.clientAttemptDuration, "heddle.peer.instance");
const error = labelOf(instruments.serverFailures, "error.type");
const direction = labelOf(instruments.serverNetworkIo, "network.io.direction");
const state = labelOf(instruments.clientInstances, "heddle.state");
const watched = labelOf(instruments.discoveryAge, "heddle.target");
const waitsFor = labelOf(instruments.clientCallsWaiting, "heddle.waits_for");
const collection = labelOf(instruments.gcDuration, "v8js.gc.type");

const OF_SERVICE = `service=~"$service"`;
const OF_INSTANCE = `${OF_SERVICE}, instance=~"$instance"`;

const rate = (by: string, series: string, filter: string) =>
  `sum by (${by}) (rate(${series}{${filter}}[$__rate_interval]))`;
const quantile = (q: number, by: string, series: string, filter: string) =>
  `histogram_quantile(${q}, sum by (${by}, le) (rate(${series}{${filter}}[$__rate_interval])))`;
const gauge = (how: "sum" | "max", by: string, series: string, filter: string) =>
  `${how} by (${by}) (${series}{${filter}})`;
/** Nothing has happened yet is shown as zero, for all who could have. */
const orZero = (expr: string, all: string) => `${expr} or 0 * ${all}`;

const panel = (title: string, unit: string, expr: string, legend: string, about?: string): Panel => ({
  title,
  unit,
  queries: [{ expr, legend }],
  ...(about === undefined ? {} : { about }),
});
const stat = (title: string, unit: string, expr: string, legend = ""): Panel => ({
  ...panel(title, unit, expr, legend),
  kind: "stat",
});
const several = (title: string, unit: string, queries: readonly Query[], about?: string): Panel => ({
  title,
  unit,
  queries,
  ...(about === undefined ? {} : { about }),
});

const serviceChoice: Variable = {
  name: "service",
  label: "Service",
  values: `label_values(${recorded.instances}, service)`,
};
const instanceChoice: Variable = {
  name: "instance",
  label: "Instance",
  values: `label_values(up{service=~"$service"}, instance)`,
};

const servedCount = seriesOf(instruments.serverCallDuration, "count");
const servedBuckets = seriesOf(instruments.serverCallDuration, "bucket");
const calledCount = seriesOf(instruments.clientCallDuration, "count");
const attemptCount = seriesOf(instruments.clientAttemptDuration, "count");
const attemptBuckets = seriesOf(instruments.clientAttemptDuration, "bucket");
const allTargets = rate(`service, ${target}`, calledCount, OF_SERVICE);

/** The share of faults of many methods is that of their calls, not the mean of their shares. */
const faultsOf = (by: string) =>
  `sum${by} (${recorded.faultRatio} * ${recorded.calls}) / (sum${by} (${recorded.calls}) > 0)`;

const overview: Board = {
  uid: "heddle-overview",
  title: "Heddle / Overview",
  about: "All services: how many calls, how many fail, how long they take.",
  variables: [],
  rows: [
    {
      title: "Now",
      panels: [
        stat("Instances", "none", `sum(${recorded.instances})`),
        stat("Calls", "reqps", `sum(${recorded.calls})`),
        stat("Faults", "percentunit", faultsOf("")),
        stat("Alerts", "none", `count(ALERTS{alertname=~"Heddle.*", alertstate="firing"}) or vector(0)`),
      ],
    },
    {
      title: "Services",
      panels: [
        panel("Calls", "reqps", `sum by (service) (${recorded.calls})`, "{{service}}"),
        panel(
          "Faults",
          "percentunit",
          faultsOf(" by (service)"),
          "{{service}}",
          "Share of the calls that were answered with an error of the server's own.",
        ),
        panel(
          "Slowest one in a hundred",
          "s",
          `max by (service) (${recorded.p99})`,
          "{{service}}",
          "Of the slowest method.",
        ),
        panel("Instances", "none", recorded.instances, "{{service}}"),
        panel(
          "Why calls fail",
          "reqps",
          `topk(10, ${orZero(rate(`service, ${error}`, seriesOf(instruments.clientFailures), `service!=""`), `sum by (service) (${recorded.calls})`)})`,
          `{{service}} {{${error}}}`,
          "As callers see it; a code such as HDL-2401 has a page in docs/errors.",
        ),
        panel(
          "Event loop is late",
          "s",
          gauge("max", "service", seriesOf(instruments.eventLoopDelayP99), `service!=""`),
          "{{service}}",
        ),
      ],
    },
  ],
};

const service: Board = {
  uid: "heddle-service",
  title: "Heddle / Service",
  about: "One service: its methods, its instances, and what it calls.",
  variables: [serviceChoice, instanceChoice],
  rows: [
    {
      title: "What it serves",
      panels: [
        panel("Calls by method", "reqps", rate(method, servedCount, OF_INSTANCE), `{{${method}}}`),
        panel("Calls by status", "reqps", rate(code, servedCount, OF_INSTANCE), `{{${code}}}`),
        panel(
          "Errors by reason",
          "reqps",
          orZero(
            rate(`${method}, ${error}`, seriesOf(instruments.serverFailures), OF_INSTANCE),
            rate(method, servedCount, OF_INSTANCE),
          ),
          `{{${method}}} {{${error}}}`,
        ),
        several(
          "Duration",
          "s",
          [0.5, 0.95, 0.99].map((q) => ({
            expr: quantile(q, "service", servedBuckets, OF_INSTANCE),
            legend: `p${q * 100}`,
          })),
        ),
        panel("p99 by method", "s", quantile(0.99, method, servedBuckets, OF_INSTANCE), `{{${method}}}`),
        panel(
          "Being served",
          "none",
          gauge("sum", method, seriesOf(instruments.serverCallsActive), OF_INSTANCE),
          `{{${method}}}`,
        ),
      ],
    },
    {
      title: "Its instances",
      panels: [
        panel("Calls by instance", "reqps", rate("instance", servedCount, OF_INSTANCE), "{{instance}}"),
        panel("p99 by instance", "s", quantile(0.99, "instance", servedBuckets, OF_INSTANCE), "{{instance}}"),
        panel(
          "Wait before a call begins",
          "s",
          quantile(0.99, "instance", seriesOf(instruments.serverQueueDelay, "bucket"), OF_INSTANCE),
          "{{instance}}",
        ),
        panel(
          "Refuses calls",
          "bool",
          gauge("max", "instance", seriesOf(instruments.serverShedding), OF_INSTANCE),
          "{{instance}}",
        ),
        panel(
          "Connections",
          "none",
          gauge("sum", "instance", seriesOf(instruments.serverConnections), OF_INSTANCE),
          "{{instance}}",
        ),
        panel(
          "Bytes",
          "Bps",
          rate(`instance, ${direction}`, seriesOf(instruments.serverNetworkIo), OF_INSTANCE),
          `{{instance}} {{${direction}}}`,
        ),
      ],
    },
  ],
};

const edge: Board = {
  uid: "heddle-edge",
  title: "Heddle / Edge",
  about: "Who calls whom: the way from one service to the instances of another, as the caller sees it.",
  variables: [{ ...serviceChoice, label: "Caller" }],
  rows: [
    {
      title: "Services",
      panels: [
        panel("Attempts", "reqps", `${recorded.edgeAttempts}{${OF_SERVICE}}`, `{{service}} → {{${peer}}}`),
        panel(
          "Attempts that fail",
          "percentunit",
          `${recorded.edgeFaultRatio}{${OF_SERVICE}}`,
          `{{service}} → {{${peer}}}`,
        ),
        panel(
          "Slowest one in a hundred",
          "s",
          `${recorded.edgeP99}{${OF_SERVICE}}`,
          `{{service}} → {{${peer}}}`,
        ),
        panel(
          "Calls that fail",
          "percentunit",
          `${recorded.clientFailureRatio}{${OF_SERVICE}}`,
          `{{service}} → {{${target}}}`,
          "After all attempts.",
        ),
      ],
    },
    {
      title: "Instances that are called",
      panels: [
        panel(
          "Attempts by instance",
          "reqps",
          rate(peerInstance, attemptCount, OF_SERVICE),
          `{{${peerInstance}}}`,
        ),
        panel(
          "p99 by instance",
          "s",
          quantile(0.99, peerInstance, attemptBuckets, OF_SERVICE),
          `{{${peerInstance}}}`,
        ),
        panel(
          "Known, by state",
          "none",
          gauge("max", `${target}, ${state}`, seriesOf(instruments.clientInstances), OF_SERVICE),
          `{{${target}}} {{${state}}}`,
        ),
        panel(
          "Ejections",
          "cps",
          orZero(rate(`service, ${target}`, seriesOf(instruments.clientEjections), OF_SERVICE), allTargets),
          `{{service}} → {{${target}}}`,
        ),
      ],
    },
    {
      title: "Repeated calls",
      panels: [
        panel(
          "Retries for each call",
          "percentunit",
          `${recorded.clientRetryRatio}{${OF_SERVICE}}`,
          `{{service}} → {{${target}}}`,
        ),
        panel(
          "Retries that were refused",
          "cps",
          orZero(
            rate(`service, ${target}`, seriesOf(instruments.clientRetriesRefused), OF_SERVICE),
            allTargets,
          ),
          `{{service}} → {{${target}}}`,
        ),
        panel(
          "Hedges",
          "cps",
          orZero(rate(`service, ${target}`, seriesOf(instruments.clientHedges), OF_SERVICE), allTargets),
          `{{service}} → {{${target}}}`,
        ),
        panel(
          "Budget left",
          "none",
          gauge("sum", `service, ${target}`, seriesOf(instruments.clientRetryBudget), OF_SERVICE),
          `{{service}} → {{${target}}}`,
        ),
      ],
    },
    {
      title: "The way there",
      panels: [
        panel(
          "Calls that wait",
          "none",
          gauge("sum", `${target}, ${waitsFor}`, seriesOf(instruments.clientCallsWaiting), OF_SERVICE),
          `{{${target}}}: {{${waitsFor}}}`,
        ),
        panel(
          "Connections",
          "none",
          gauge("sum", `service, ${target}`, seriesOf(instruments.clientConnections), OF_SERVICE),
          `{{service}} → {{${target}}}`,
        ),
        panel(
          "Streams",
          "none",
          gauge("sum", `service, ${target}`, seriesOf(instruments.clientStreams), OF_SERVICE),
          `{{service}} → {{${target}}}`,
        ),
        panel(
          "Age of what discovery knows",
          "s",
          gauge("max", `service, ${watched}`, seriesOf(instruments.discoveryAge), OF_SERVICE),
          `{{service}}: {{${watched}}}`,
        ),
      ],
    },
  ],
};

const runtime: Board = {
  uid: "heddle-runtime",
  title: "Heddle / Runtime",
  about: "The processes: event loop, collections, memory, processors.",
  variables: [serviceChoice, instanceChoice],
  rows: [
    {
      title: "Event loop",
      panels: [
        panel(
          "Late, one time in a hundred",
          "s",
          gauge("max", "instance", seriesOf(instruments.eventLoopDelayP99), OF_INSTANCE),
          "{{instance}}",
        ),
        panel(
          "Late at most",
          "s",
          gauge("max", "instance", seriesOf(instruments.eventLoopDelayMax), OF_INSTANCE),
          "{{instance}}",
        ),
        panel(
          "Share of the time in use",
          "percentunit",
          gauge("max", "instance", seriesOf(instruments.eventLoopUtilization), OF_INSTANCE),
          "{{instance}}",
        ),
        panel(
          "Processors in use",
          "none",
          rate("instance", seriesOf(instruments.processCpu), OF_INSTANCE),
          "{{instance}}",
        ),
      ],
    },
    {
      title: "Memory",
      panels: [
        panel(
          "Physical memory",
          "bytes",
          gauge("max", "instance", seriesOf(instruments.processMemory), OF_INSTANCE),
          "{{instance}}",
        ),
        panel(
          "Heap in use",
          "bytes",
          gauge("max", "instance", seriesOf(instruments.heapUsed), OF_INSTANCE),
          "{{instance}}",
        ),
        panel(
          "Share of the heap's limit",
          "percentunit",
          `max by (instance) (${seriesOf(instruments.heapUsed)}{${OF_INSTANCE}} / ${seriesOf(instruments.heapLimit)}{${OF_INSTANCE}})`,
          "{{instance}}",
        ),
        panel(
          "Share of the time that collections take",
          "percentunit",
          rate(`instance, ${collection}`, seriesOf(instruments.gcDuration, "sum"), OF_INSTANCE),
          `{{instance}} {{${collection}}}`,
        ),
      ],
    },
    {
      title: "Process",
      panels: [
        panel(
          "Uptime",
          "s",
          gauge("max", "instance", seriesOf(instruments.processUptime), OF_INSTANCE),
          "{{instance}}",
        ),
        panel(
          "Series that are kept",
          "none",
          gauge("max", "instance", seriesOf(instruments.metricsSeries), OF_INSTANCE),
          "{{instance}}",
        ),
      ],
    },
  ],
};

const OF_SLO = `slo=~"$slo"`;
const slo: Board = {
  uid: "heddle-slo",
  title: "Heddle / Objectives",
  about: "What was promised, what is left of the error budget, and how fast it burns.",
  variables: [{ name: "slo", label: "Objective", values: `label_values(${sloSeries.objective}, slo)` }],
  rows: [
    {
      title: "Now",
      panels: [
        stat("Promised", "percentunit", `${sloSeries.objective}{${OF_SLO}}`, "{{slo}}"),
        stat("Error budget left", "percentunit", `${sloSeries.budgetLeft}{${OF_SLO}}`, "{{slo}}"),
        stat("Burn rate of the last hour", "none", `${sloSeries.burnRate}{${OF_SLO}}`, "{{slo}}"),
      ],
    },
    {
      title: "Over time",
      panels: [
        {
          ...panel("Error budget left", "percentunit", `${sloSeries.budgetLeft}{${OF_SLO}}`, "{{slo}}"),
          about: "Less than nothing: the promise was broken.",
          canBeNegative: true,
        },
        panel(
          "Burn rate",
          "none",
          `${sloSeries.burnRate}{${OF_SLO}}`,
          "{{slo}}",
          "With 1, the budget would just last.",
        ),
        several(
          "Share of bad calls",
          "percentunit",
          (["5m", "1h", "6h", "3d"] as const).map((window) => ({
            expr: `${sloSeries.errorRatio(window)}{${OF_SLO}}`,
            legend: `{{slo}}, ${window}`,
          })),
        ),
        several("Calls that count", "reqps", [
          { expr: `${sloSeries.calls}{${OF_SLO}}`, legend: "{{slo}}" },
          { expr: `${sloSeries.badCalls}{${OF_SLO}}`, legend: "{{slo}}, bad" },
        ]),
      ],
    },
  ],
};

/** By the name of the file. */
export const boards: Readonly<Record<string, Board>> = { overview, service, edge, runtime, slo };
