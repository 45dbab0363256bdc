/**
 * The table of all that Heddle measures. Code records into its rows, `docs/reference/metrics.md` is made from them, and
 * so are rules and dashboards: whoever renames a metric renames it here, and everywhere.
 *
 * Names are those of OpenTelemetry's semantic conventions where there is one: the stable ones of RPC
 * (https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/), and those of processes, Node and V8. What they have no
 * name for begins with `heddle.`.
 */
import type { Instrument } from "./instrument.ts";

/** Seconds. The conventions advise 5 ms to 10 s; below it there are calls of ours, above it long deadlines. */
const DURATIONS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30,
] as const;

/** Seconds that something was late. */
const DELAYS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5] as const;

/** For `eventLoopDelay`. */
const DELAY_WORDS = {
  mean: "on average",
  max: "at most",
  p50: "half of the times at most",
  p90: "nine of ten times at most",
  p99: "99 of 100 times at most",
} as const;

export const instruments = {
  // Calls, at the server.
  serverCallDuration: {
    name: "rpc.server.call.duration",
    kind: "histogram",
    unit: "s",
    labels: ["rpc.system.name", "rpc.method", "rpc.status_code"],
    help: "Calls that were served, from the head of the request to the end of the answer.",
    bounds: DURATIONS,
  },
  serverFailures: {
    name: "heddle.server.failures",
    kind: "counter",
    unit: "{call}",
    labels: ["rpc.method", "error.type"],
    help: "Calls that were answered with an error, by its code in the catalogue, or its status where it has none.",
  },
  serverCallsActive: {
    name: "heddle.server.calls.active",
    kind: "gauge",
    unit: "{call}",
    labels: ["rpc.method"],
    help: "Calls that are being served.",
  },
  serverQueueDelay: {
    name: "heddle.server.queue.delay",
    kind: "histogram",
    unit: "s",
    labels: [],
    help: "How late the event loop was, looked at every 20 ms while calls are served: what a call waits before it begins.",
    bounds: DELAYS,
  },
  serverShedding: {
    name: "heddle.server.shedding",
    kind: "gauge",
    unit: "",
    labels: [],
    help: "1 while the server refuses calls because there is too much to do, else 0.",
  },
  serverConnections: {
    name: "heddle.server.connections",
    kind: "gauge",
    unit: "{connection}",
    labels: [],
    help: "Connections that are open, those in the middle of TLS among them.",
  },
  serverConnectionsRefused: {
    name: "heddle.server.connections.refused",
    kind: "counter",
    unit: "{connection}",
    labels: [],
    help: "Connections that were closed because too many were open.",
  },
  serverNetworkIo: {
    name: "heddle.server.network.io",
    kind: "counter",
    unit: "By",
    labels: ["network.io.direction"],
    help: "Bytes of HTTP that were sent and received, frames and heads included, TLS not.",
  },

  // Calls, at the client.
  clientCallDuration: {
    name: "rpc.client.call.duration",
    kind: "histogram",
    unit: "s",
    labels: ["rpc.system.name", "rpc.method", "rpc.status_code", "server.address"],
    open: ["server.address"],
    help: "Calls as their caller sees them, with all their attempts and waits.",
    bounds: DURATIONS,
  },
  clientAttemptDuration: {
    name: "heddle.client.attempt.duration",
    kind: "histogram",
    unit: "s",
    labels: [
      "rpc.method",
      "rpc.status_code",
      "server.address",
      "heddle.peer.service",
      "heddle.peer.instance",
    ],
    open: ["server.address", "heddle.peer.service", "heddle.peer.instance"],
    help: "Attempts of calls, by the instance that got them.",
    bounds: DURATIONS,
  },
  clientFailures: {
    name: "heddle.client.failures",
    kind: "counter",
    unit: "{call}",
    labels: ["rpc.method", "server.address", "error.type"],
    open: ["server.address"],
    help: "Calls that failed, by the code in the catalogue, or the status where the callee's own error came back.",
  },
  clientRetries: {
    name: "heddle.client.retries",
    kind: "counter",
    unit: "{attempt}",
    labels: ["rpc.method", "server.address", "heddle.retry.kind"],
    open: ["server.address"],
    help: "Further attempts: `unsent` when no handler saw the one before, `policy` when the method may be repeated.",
  },
  clientHedges: {
    name: "heddle.client.hedges",
    kind: "counter",
    unit: "{attempt}",
    labels: ["rpc.method", "server.address"],
    open: ["server.address"],
    help: "Attempts that were sent while another of the same call was under way.",
  },
  clientHedgesWon: {
    name: "heddle.client.hedges.won",
    kind: "counter",
    unit: "{attempt}",
    labels: ["rpc.method", "server.address"],
    open: ["server.address"],
    help: "Hedges whose outcome became that of the call.",
  },
  clientRetriesRefused: {
    name: "heddle.client.retries.refused",
    kind: "counter",
    unit: "{attempt}",
    labels: ["server.address", "heddle.reason"],
    open: ["server.address"],
    help: "Retries and hedges that were not made: `budget` used up, `throttle` of gRPC, `guard` because repeating did not help.",
  },
  clientRetryBudget: {
    name: "heddle.client.retry_budget",
    kind: "gauge",
    unit: "{attempt}",
    labels: ["server.address"],
    open: ["server.address"],
    help: "Retries and hedges that the budget would allow at this moment.",
  },
  clientCallsWaiting: {
    name: "heddle.client.calls.waiting",
    kind: "gauge",
    unit: "{call}",
    labels: ["server.address", "heddle.waits_for"],
    open: ["server.address"],
    help: "Calls that wait before they are sent: for an `instance`, or for a `stream` of a connection.",
  },
  clientAttemptsActive: {
    name: "heddle.client.attempts.active",
    kind: "gauge",
    unit: "{attempt}",
    labels: ["server.address"],
    open: ["server.address"],
    help: "Attempts under way.",
  },
  clientInstances: {
    name: "heddle.client.instances",
    kind: "gauge",
    unit: "{instance}",
    labels: ["server.address", "heddle.state"],
    open: ["server.address"],
    help: "Instances that discovery knows, by the state of the way to them; `ejected`, `silent` and `unhealthy` ones are `ready` otherwise.",
  },
  clientEjections: {
    name: "heddle.client.ejections",
    kind: "counter",
    unit: "{ejection}",
    labels: ["server.address"],
    open: ["server.address"],
    help: "Instances that were left out of the balancer's set because of how their calls went, each time.",
  },
  clientConcurrencyLimit: {
    name: "heddle.client.concurrency_limit",
    kind: "gauge",
    unit: "{call}",
    labels: ["server.address", "heddle.peer.instance"],
    open: ["server.address", "heddle.peer.instance"],
    help: "Calls that may be under way to an instance; only of those that have a limit now.",
  },
  clientThrottledShare: {
    name: "heddle.client.throttled",
    kind: "gauge",
    unit: "1",
    labels: ["server.address", "heddle.criticality"],
    open: ["server.address"],
    help: "Share of the calls that is failed at the client, because the service refuses many; where throttling is configured.",
  },
  clientConnections: {
    name: "heddle.client.connections",
    kind: "gauge",
    unit: "{connection}",
    labels: ["server.address", "network.protocol.version"],
    open: ["server.address"],
    help: "Connections that are open.",
  },
  clientStreams: {
    name: "heddle.client.streams",
    kind: "gauge",
    unit: "{stream}",
    labels: ["server.address"],
    open: ["server.address"],
    help: "Streams that are open on them: calls that have been sent.",
  },
  clientNetworkIo: {
    name: "heddle.client.network.io",
    kind: "counter",
    unit: "By",
    labels: ["server.address", "network.io.direction"],
    open: ["server.address"],
    help: "Bytes of HTTP/2 that were sent and received, frames and heads included, TLS not.",
  },

  // Discovery.
  discoveryAge: {
    name: "heddle.discovery.age",
    kind: "gauge",
    unit: "s",
    labels: ["heddle.target"],
    open: ["heddle.target"],
    help: "How long ago the registry confirmed what is known of the target.",
  },
  discoveryState: {
    name: "heddle.discovery.watches",
    kind: "gauge",
    unit: "{watch}",
    labels: ["heddle.target", "heddle.state"],
    open: ["heddle.target"],
    help: "What is followed in a registry: `live`, `lost` while it cannot be reached, `connecting` before it has answered.",
  },
  discoveryEndpoints: {
    name: "heddle.discovery.endpoints",
    kind: "gauge",
    unit: "{instance}",
    labels: ["heddle.target", "heddle.state"],
    open: ["heddle.target"],
    help: "Instances that are `known`, and those of them that are `held` although the registry has taken them away.",
  },

  // The process.
  eventLoopDelayMean: eventLoopDelay("mean"),
  eventLoopDelayP50: eventLoopDelay("p50"),
  eventLoopDelayP90: eventLoopDelay("p90"),
  eventLoopDelayP99: eventLoopDelay("p99"),
  eventLoopDelayMax: eventLoopDelay("max"),
  eventLoopUtilization: {
    name: "nodejs.eventloop.utilization",
    kind: "gauge",
    unit: "1",
    labels: [],
    help: "Share of the time since the last look in which the event loop was not idle.",
  },
  eventLoopTime: {
    name: "nodejs.eventloop.time",
    kind: "counter",
    unit: "s",
    labels: ["nodejs.eventloop.state"],
    help: "Time that the event loop was `active` and `idle`.",
  },
  gcDuration: {
    name: "v8js.gc.duration",
    kind: "histogram",
    unit: "s",
    labels: ["v8js.gc.type"],
    help: "Garbage collections, since somebody first looked.",
    bounds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
  },
  heapUsed: {
    name: "v8js.memory.heap.used",
    kind: "gauge",
    unit: "By",
    labels: [],
    help: "Memory that objects of the program take up.",
  },
  heapLimit: {
    name: "v8js.memory.heap.limit",
    kind: "gauge",
    unit: "By",
    labels: [],
    help: "Most that the heap may grow to before the process ends.",
  },
  processMemory: {
    name: "process.memory.usage",
    kind: "gauge",
    unit: "By",
    labels: [],
    help: "Physical memory in use.",
  },
  processCpu: {
    name: "process.cpu.time",
    kind: "counter",
    unit: "s",
    labels: ["cpu.mode"],
    help: "Time that the processors spent, in the program (`user`) and for it (`system`).",
  },
  processUptime: {
    name: "process.uptime",
    kind: "gauge",
    unit: "s",
    labels: [],
    help: "Since the process began.",
  },

  // These metrics themselves.
  metricsSeries: {
    name: "heddle.metrics.series",
    kind: "gauge",
    unit: "{series}",
    labels: [],
    help: "Label sets that are kept for what Heddle records.",
  },
  metricsFolded: {
    name: "heddle.metrics.folded",
    kind: "counter",
    unit: "{series}",
    labels: ["heddle.metric"],
    help: "Label sets that became `other`, because the metric had as many as it may.",
  },
  metricsSourceErrors: {
    name: "heddle.metrics.source.errors",
    kind: "counter",
    unit: "{error}",
    labels: [],
    help: "Times that a registered source of metrics failed, or took too long, and was left out.",
  },
} as const satisfies Record<string, Instrument>;

function eventLoopDelay<Statistic extends keyof typeof DELAY_WORDS>(statistic: Statistic) {
  return {
    name: `nodejs.eventloop.delay.${statistic}`,
    kind: "gauge",
    unit: "s",
    labels: [],
    help: `How late the event loop was since the last look: ${DELAY_WORDS[statistic]}.`,
  } as const;
}
