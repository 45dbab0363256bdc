/**
 * What a client's channel looks like from outside, as plain data: for a page, a log line, a test.
 */
import type { Subchannel, SubchannelState } from "../connection/subchannel.ts";
import type { ServiceConfigInUse } from "./service-config-slots.ts";

/**
 * gRPC's connectivity states: `idle` (nothing is wanted), `connecting`, `ready` (calls go), `transient_failure`
 * (waiting to try again), `shutdown`.
 */
export type ConnectivityState = SubchannelState;

/** A client's side of one target. */
export interface ChannelStatus {
  readonly target: string;
  /** The best state that an instance is in. */
  readonly state: ConnectivityState;
  /** Calls that wait for an instance. */
  readonly waiting: number;
  /** Why discovery failed last; empty when it did not. */
  readonly lastError: string;
  readonly instances: readonly InstanceStatus[];
  /** The service config in use, and where it comes from; absent: there is none. */
  readonly serviceConfig?: ServiceConfigInUse;
}

/** A client's way to one instance. */
export interface InstanceStatus {
  readonly id: string;
  readonly address: string;
  readonly weight: number;
  readonly state: ConnectivityState;
  /** Since when it has been in that state, in ms since the epoch. */
  readonly sinceMs: number;
  /** Calls under way. */
  readonly inFlight: number;
  /** Those of them that wait for a stream, because the instance allows no more. */
  readonly waiting: number;
  /** Why the last attempt or connection failed; empty when none did. */
  readonly lastError: string;
  /** It does not answer although calls are open there (`silenceMs`), and gets no new ones until it does. */
  readonly silent: boolean;
  /** Why it gets no calls although it is ready, because of how they went (outlier ejection); empty while it gets them. */
  readonly ejected: string;
  /** Until when, in ms since the epoch, rounded; then one call tries it. 0 while it gets calls. */
  readonly ejectedUntilMs: number;
  readonly connections: readonly ConnectionStatus[];
}

/** One connection; over HTTP/1.1 the few that are looked after together. */
export interface ConnectionStatus {
  readonly httpVersion: "2" | "1.1";
  /** Calls on it. */
  readonly streams: number;
  /** It gets no new calls and closes with its last one. */
  readonly draining: boolean;
}

/** `epochMs`: what the wall clock says when the monotonic one is at 0. */
export function describeSubchannel(subchannel: Subchannel, epochMs: number): InstanceStatus {
  const { id, address, weight, state, sinceMs, inFlight, waiting, lastError, silent, sessions, standing } =
    subchannel;
  return {
    id,
    address,
    weight,
    state,
    sinceMs,
    inFlight,
    waiting,
    lastError,
    silent,
    ejected: standing?.because ?? "",
    ejectedUntilMs:
      standing === undefined || standing.state === "in" ? 0 : Math.round(epochMs + standing.untilMs),
    connections: sessions.map(({ session, draining }) => ({
      httpVersion: session.httpVersion,
      streams: session.streams,
      draining,
    })),
  };
}

/** The best state of several; `otherwise` when there are none. */
export function bestState(
  instances: readonly InstanceStatus[],
  otherwise: ConnectivityState,
): ConnectivityState {
  return STATES.find((state) => instances.some((instance) => instance.state === state)) ?? otherwise;
}

const STATES: readonly ConnectivityState[] = ["ready", "connecting", "idle", "transient_failure"];
