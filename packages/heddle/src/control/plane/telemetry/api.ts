/**
 * What the control plane answers under `/api/v1/`, as JSON: the shapes that the dashboard, the command line and
 * `mesh.stats` read. One file, so that whoever reads and whoever writes cannot differ.
 *
 * Times are milliseconds since the epoch unless the name says otherwise, rates are calls a second, shares lie between
 * 0 and 1. `null` is "not known", never zero; in a call's record it is "without end". Every answer says how far back it can see (`sinceMs`): the store is
 * bounded, and what is older than that is not there.
 */
import type { Explanation } from "../../../call/explain.ts";
import type { CallRecord } from "../../../call/record.ts";
import type { CallState } from "../../../telemetry/recent-calls.ts";

export type { CallRecord, CallState, Explanation };

/** Beside the figures of every answer. */
export interface Horizon {
  readonly nowMs: number;
  /** From when on there are figures; null while nothing has been told. */
  readonly sinceMs: number | null;
  /** The time that the figures of the answer are about, in seconds. */
  readonly windowSeconds: number;
}

/** Rate, errors and duration of some calls. */
export interface Red {
  readonly calls: number;
  readonly failed: number;
  /** Calls a second. */
  readonly rate: number;
  /** Share that failed; null without calls. */
  readonly failedShare: number | null;
  readonly meanMs: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** One point for each step, oldest first. The last step that is whole is the last point. */
export interface Series {
  readonly fromMs: number;
  readonly stepSeconds: number;
  readonly rate: readonly number[];
  readonly failedRate: readonly number[];
  readonly p50Ms: readonly (number | null)[];
  readonly p99Ms: readonly (number | null)[];
}

/** `GET /api/v1/overview?window=300` (seconds, 60 to 21 600). */
export interface Overview extends Horizon {
  /** "2 of 9 services need attention: orders (12 % of calls fail), …" */
  readonly sentence: string;
  readonly services: readonly ServiceRow[];
  /** All served calls together. */
  readonly total: Red;
  readonly series: Series;
  readonly kept: KeptCalls;
  readonly findings: number;
}

/** `GET /api/v1/services?window=300` */
export interface Services extends Horizon {
  readonly services: readonly ServiceRow[];
}

export interface ServiceRow {
  readonly name: string;
  /** As registered. */
  readonly instances: number;
  readonly unhealthy: number;
  readonly draining: number;
  /** Instances whose figures reach the store. */
  readonly reporting: number;
  readonly versions: readonly string[];
  readonly contracts: readonly string[];
  /** Of the calls that it serves. */
  readonly served: Red;
  /** Of the calls that it makes. */
  readonly made: Red;
  /** Further attempts as a share of the calls that it makes; null without calls. */
  readonly retriedShare: number | null;
  /** Served calls a second and their 99th percentile, for a small chart: 30 steps over the window. */
  readonly spark: Series;
  /** Why it needs attention, in words; null when it does not. */
  readonly attention: string | null;
}

/** `GET /api/v1/service/<name>?window=900`. 404 for a name that is neither registered nor has figures. */
export interface ServicePage extends Horizon {
  readonly service: ServiceRow;
  /** Of the calls that it serves. */
  readonly series: Series;
  readonly methods: readonly MethodRow[];
  /** Who calls it, and whom it calls. */
  readonly callers: readonly Edge[];
  readonly callees: readonly Edge[];
  readonly instances: readonly InstanceRow[];
  /** The newest failed and slow calls of it, at most 20. */
  readonly calls: readonly CallSummary[];
  readonly findings: readonly Finding[];
}

export interface MethodRow {
  /** `shop.v1.OrderService/PlaceOrder` */
  readonly method: string;
  readonly served: Red;
  /** By status, the most frequent first. */
  readonly codes: readonly CodeCount[];
}

export interface CodeCount {
  /** gRPC status name, `OK` included. */
  readonly code: string;
  readonly calls: number;
}

export interface InstanceRow {
  readonly id: string;
  readonly address: string;
  readonly version: string;
  readonly zone: string;
  /** `ready`, `healthy`, `unhealthy`, `draining`, `remembered` or `static`: as `heddle ps` says it. */
  readonly state: string;
  /** Of the calls that it serves. */
  readonly served: Red;
  /** Of its share of the service's calls, against an equal one: 1 is equal; null without calls. */
  readonly loadFactor: number | null;
  /** Attempts on it that ended in a fault, as its callers saw them; null without attempts. */
  readonly faultShare: number | null;
  /** When its figures last came; null when never. */
  readonly reportedMs: number | null;
  readonly process: ProcessFigures | null;
}

/** The latest of each that an instance has told; null for what it does not measure. */
export interface ProcessFigures {
  readonly startedMs: number;
  readonly eventLoopP99Ms: number | null;
  /** Share of one processor, since the report before. */
  readonly cpuShare: number | null;
  readonly memoryBytes: number | null;
  readonly heapUsedBytes: number | null;
  /** Its clock against the control plane's: positive is ahead. As exact as the way of a report is short. */
  readonly clockAheadMs: number | null;
}

/** Calls of one service to another, as the caller sees them: attempts, by who got them. */
export interface Edge {
  readonly from: string;
  /** The called service; where discovery does not know it, the name that was called. */
  readonly to: string;
  readonly attempts: Red;
}

/** `GET /api/v1/map?window=300&service=orders&hops=1` (`service` and `hops` optional). At most 60 nodes. */
export interface ServiceMap extends Horizon {
  readonly nodes: readonly MapNode[];
  readonly edges: readonly Edge[];
  /** Services that have no place in the answer: the ones with the fewest calls. */
  readonly omitted: number;
}

export interface MapNode {
  readonly name: string;
  /** Registered instances; 0 for what only calls, or is known by calls to it only. */
  readonly instances: number;
  readonly served: Red;
  readonly attention: string | null;
}

/** `GET /api/v1/calls?service=&state=&method=&code=&side=&trace=&limit=100` (all optional; limit at most 500). Newest first. */
export interface Calls {
  readonly nowMs: number;
  readonly calls: readonly CallSummary[];
  readonly kept: KeptCalls;
  /** Of all that match the query but for `limit`. */
  readonly matched: number;
  readonly byState: Readonly<Record<CallState, number>>;
  /** By error code of the catalogue, or status where there is none; the most frequent first. */
  readonly byCode: readonly CodeCount[];
}

export interface KeptCalls {
  readonly count: number;
  readonly max: number;
  /** When the oldest began; null when there are none. */
  readonly sinceMs: number | null;
  /** Calls that were to be kept, and were not, since the control plane started: too many at a time. */
  readonly lost: number;
}

export interface CallSummary {
  readonly id: string;
  readonly state: CallState;
  /** `client`: as the caller saw it; `server`: as the callee did. */
  readonly side: "client" | "server";
  /** Who told it. */
  readonly service: string;
  readonly instance: string;
  /** The other side: what was called, or the address that called. */
  readonly peer: string;
  readonly method: string;
  /** gRPC status name. */
  readonly status: string;
  /** Of the catalogue, such as HDL-2107; null where the error is the callee's own, or there is none. */
  readonly errorCode: string | null;
  /** By the clock of who told it. */
  readonly startedMs: number;
  readonly elapsedMs: number;
  readonly attempts: number;
  readonly traceId: string | null;
  /** The true cause in one sentence, as `explain` says it; null for a call that ended well. */
  readonly sentence: string | null;
}

/** `GET /api/v1/call/<id>`. 404 when it is not kept, or not any more. */
export interface CallPage {
  readonly nowMs: number;
  readonly call: CallSummary;
  readonly record: CallRecord;
  readonly explanation: Explanation;
  /** Other kept calls of the same trace, the earliest first. */
  readonly trace: readonly CallSummary[];
  /** Kept calls of the same method that failed in the same way. */
  readonly similar: {
    readonly calls: number;
    readonly sinceMs: number;
    readonly services: readonly string[];
  };
  /** The same on the command line. */
  readonly command: string;
}

/** `GET /api/v1/findings?service=` */
export interface Findings {
  readonly nowMs: number;
  readonly findings: readonly Finding[];
}

export interface Finding {
  /** The same while it is about the same thing. */
  readonly id: string;
  readonly kind: FindingKind;
  readonly severity: "warning" | "note";
  /** Whom it is about. */
  readonly service: string;
  readonly title: string;
  /** What was seen, with figures. */
  readonly evidence: readonly string[];
  readonly fix: string;
}

export type FindingKind =
  | "no-deadline"
  | "child-outlives-parent"
  | "retries-at-several-layers"
  | "hot-instance"
  | "clock-skew"
  | "unused-contract";

/**
 * `GET /api/v1/events`: server-sent events, each with JSON. At most 50 `call` events a second; the count of those left
 * out comes with the next `tick`.
 */
export type LiveEvent =
  | { readonly event: "call"; readonly data: CallSummary }
  /** Every two seconds. */
  | { readonly event: "tick"; readonly data: Tick };

export interface Tick {
  readonly nowMs: number;
  /** All served calls of the last whole ten seconds. */
  readonly total: Red;
  readonly kept: KeptCalls;
  readonly omittedCalls: number;
}

/** What a 4xx or 5xx says. */
export interface ApiError {
  readonly error: string;
}
