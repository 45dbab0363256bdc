/**
 * What every layer of the server gets, and the shape of a layer.
 */
import type { Interceptor } from "@connectrpc/connect";
import type { Layer } from "../call/layer.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Random } from "../runtime/random.ts";
import type { TimerWheel } from "../runtime/timer-wheel.ts";
import type { RecentCalls } from "../telemetry/recent-calls.ts";
import type { EncodingName } from "../wire/compression.ts";
import type { BulkheadRule } from "./bulkhead-rule.ts";
import type { ServerCall } from "./call.ts";
import type { CorsPolicy } from "./cors.ts";
import type { Gate } from "./gate.ts";
import type { HttpPage } from "./http-page.ts";
import type { LoadReporter } from "./load-reporter.ts";
import type { RestRoutes } from "./rest-routes.ts";
import type { Router } from "./router.ts";
import type { ServerMetrics } from "./server-metrics.ts";
import type { ServerTraces } from "./server-traces.ts";

export interface ServerParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly wheel: TimerWheel;
  readonly router: Router;
  /** Which methods are called over plain HTTP as well; undefined for none. */
  readonly rest: RestRoutes | undefined;
  /** How busy the server is. */
  readonly load: LoadReporter;
  /** The same for callers that read ORCA; undefined when they are not told. */
  readonly orcaTrailer: ((nowMs: number) => string) | undefined;
  /** Refuses what is too much; undefined when it is switched off. */
  readonly gate: Gate | undefined;
  /** How many calls of some methods may run at a time. */
  readonly bulkheads: readonly BulkheadRule[];
  readonly interceptors: readonly Interceptor[];
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
  /** Names of request metadata that travel on in calls made by the handler. */
  readonly propagate: ReadonlySet<string>;
  /** How answers are compressed when the caller understands it. */
  readonly sendEncodings: readonly EncodingName[];
  /** Messages smaller than this are not worth it, in bytes. */
  readonly compressMinBytes: number;
  /** Refuse Connect requests that don't name the version of the protocol. */
  readonly requireConnectProtocolVersion: boolean;
  /** Which web pages of other origins may call, and how browsers are told; undefined when none may. */
  readonly cors: CorsPolicy | undefined;
  /** What is counted of calls; undefined: nothing. */
  readonly counts: ServerMetrics | undefined;
  /** Where spans of calls go; undefined: nowhere. */
  readonly traces: ServerTraces | undefined;
  /** Where calls worth a look are kept; undefined: nowhere. */
  readonly recent: RecentCalls | undefined;
  /** What a plain GET gets, by path. */
  readonly pages: ReadonlyMap<string, HttpPage>;
  /** A handler threw something that is not a `ConnectError`: the caller sees only HDL-3001, the cause goes here. */
  readonly onHandlerError: (error: unknown, call: ServerCall) => void;
}

export type ServerLayer = Layer<ServerCall, ServerParts>;
