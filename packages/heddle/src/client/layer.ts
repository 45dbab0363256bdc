/**
 * What every layer of the client gets: the channel's parts, and the shape of a layer.
 */
import type { Layer } from "../call/layer.ts";
import type { CallRecord } from "../call/record.ts";
import type { AttemptAllowance } from "../resilience/attempt-allowance.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Random } from "../runtime/random.ts";
import type { Timers } from "../runtime/timer.ts";
import type { TimerWheel } from "../runtime/timer-wheel.ts";
import type { RecentCalls } from "../telemetry/recent-calls.ts";
import type { Encoding } from "../wire/compression.ts";
import type { ClientCall } from "./call.ts";
import type { ClientMetrics } from "./client-metrics.ts";
import type { ClientTraces } from "./client-traces.ts";
import type { Endpoints } from "./endpoints.ts";
import type { ClientProtocolName } from "./options.ts";
import type { Throttles } from "./throttles.ts";

export interface ClientParts {
  /** What is called, for texts. */
  readonly target: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly wheel: TimerWheel;
  readonly endpoints: Endpoints;
  /** What retries and hedges together may add to the calls. */
  readonly allowance: AttemptAllowance;
  readonly throttles: Throttles;
  readonly authority: string;
  readonly userAgent: string;
  readonly protocol: ClientProtocolName;
  /** Connect calls without side effects are sent as GET. */
  readonly useHttpGet: boolean;
  /** Compression of requests. */
  readonly sendEncoding: Encoding | undefined;
  /** Messages smaller than this are not compressed, in bytes. */
  readonly compressMinBytes: number;
  /** What is counted; undefined: nothing. */
  readonly counts: ClientMetrics | undefined;
  /** Where spans of calls go; undefined: nowhere. */
  readonly traces: ClientTraces | undefined;
  /** Makes the record of a call that has ended. */
  readonly describe: (call: ClientCall) => CallRecord;
  /** Where calls worth a look are kept; undefined: nowhere. */
  readonly recent: RecentCalls | undefined;
  /** Called with the record of every call that ends; undefined spares making it. */
  readonly observe: ((record: CallRecord) => void) | undefined;
}

export type ClientLayer = Layer<ClientCall, ClientParts>;
