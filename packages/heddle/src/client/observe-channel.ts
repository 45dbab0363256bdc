/**
 * What a channel tells of its state when metrics are collected: read from what it keeps anyway, so that between two
 * collections it costs nothing.
 */
import { criticalities } from "../call/criticality.ts";
import type { Traffic } from "../connection/traffic.ts";
import type { AttemptAllowance } from "../resilience/attempt-allowance.ts";
import { instruments } from "../telemetry/instruments.ts";
import type { Observations } from "../telemetry/metrics.ts";
import type { Endpoints } from "./endpoints.ts";
import type { Throttles } from "./throttles.ts";

export interface ObservedChannel {
  readonly address: string;
  readonly endpoints: Endpoints;
  readonly allowance: AttemptAllowance;
  readonly throttles: Throttles;
  readonly traffic: Traffic;
}

export function observeChannel(channel: ObservedChannel, into: Observations, nowMs: number): void {
  const { address, endpoints, allowance, throttles, traffic } = channel;
  observeInstances(endpoints, address, into);
  into.add(instruments.clientCallsWaiting, [address, "instance"], endpoints.waiting);
  into.add(instruments.clientEjections, [address], endpoints.ejections.made);
  into.add(instruments.clientRetryBudget, [address], allowance.available(nowMs));
  for (const [reason, count] of Object.entries(allowance.refused))
    into.add(instruments.clientRetriesRefused, [address, reason], count);
  throttles.levels?.forEach((level, rank) =>
    into.add(instruments.clientThrottledShare, [address, criticalities[rank] ?? ""], level.rejectProbability),
  );
  into.add(instruments.clientNetworkIo, [address, "transmit"], traffic.sent);
  into.add(instruments.clientNetworkIo, [address, "receive"], traffic.received);
}

function observeInstances(
  { subchannels, ejections, limits }: Endpoints,
  address: string,
  into: Observations,
): void {
  for (const subchannel of subchannels.values()) {
    const { id, state, unhealthy, silent, inFlight, waiting, sessions } = subchannel;
    const is = state !== "ready" ? state : stateOfReady(ejections.isOut(subchannel), silent, unhealthy);
    into.add(instruments.clientInstances, [address, is], 1);
    into.add(instruments.clientAttemptsActive, [address], inFlight);
    into.add(instruments.clientCallsWaiting, [address, "stream"], waiting);
    for (const { session } of sessions) {
      into.add(instruments.clientConnections, [address, session.httpVersion], 1);
      into.add(instruments.clientStreams, [address], session.streams);
    }
    const limit = limits.limitOf(subchannel);
    if (limit !== undefined) into.add(instruments.clientConcurrencyLimit, [address, id], limit);
  }
}

function stateOfReady(isOut: boolean, silent: boolean, unhealthy: boolean): string {
  if (isOut) return "ejected";
  if (silent) return "silent";
  return unhealthy ? "unhealthy" : "ready";
}
