/**
 * Settings for the connections of a client: how many, how long, and how it is found out that a peer is gone.
 */
import { atLeast, finiteAtLeast } from "../call/check-option.ts";
import type { UpkeepRules } from "../connection/upkeep.ts";

export interface ConnectionOptions {
  /** Limit for one connection attempt in ms, HTTP/2 handshake included. Default 5 000. */
  readonly connectTimeoutMs?: number;
  /**
   * HTTP/2 connections to one instance at most. There is one until the calls on it pass 80 % of the streams that the
   * instance allows; what a peak has added closes after 30 s without a call. Default 8: with the 100 streams that
   * are the smallest limit in use, 800 calls at a time. gRPC: one, and calls wait.
   */
  readonly maxConnections?: number;
  /**
   * Silence of a peer, while calls are open, after which a PING asks for a sign of life, in ms. Default 10 000;
   * `Infinity` for never. A peer that answers with GOAWAY `too_many_pings` doubles it. gRPC: `KEEPALIVE_TIME`.
   */
  readonly keepaliveMs?: number;
  /**
   * Silence after that PING which means that the peer is gone, in ms: the connection closes and its calls end, or go
   * elsewhere. Default 10 000. gRPC: `KEEPALIVE_TIMEOUT`, 20 s.
   */
  readonly keepaliveTimeoutMs?: number;
  /**
   * Silence of an instance, while calls are open, after which it is asked how busy it is, in ms. When its answer is so late
   * that by its answers so far this is one chance in 10^8 (φ accrual; mostly after another 0.8 of this time), it counts as
   * silent: it gets no new calls, and those that may be repeated go elsewhere; the connection stays, and the first byte
   * ends it. Default 1 000; `Infinity` for never. Only instances of Heddle can be asked so often; for others there is
   * `keepaliveMs`.
   */
  readonly silenceMs?: number;
  /** Ask also while no call is open. Default false. gRPC: `KEEPALIVE_PERMIT_WITHOUT_CALLS`. */
  readonly keepaliveWithoutCalls?: boolean;
  /**
   * Without a call for so long, in ms, a client gives up its connections; the next call brings them back. Default
   * 1 800 000 (30 minutes); `Infinity` for never. gRPC: `CLIENT_IDLE_TIMEOUT`.
   */
  readonly idleTimeoutMs?: number;
  /**
   * Age in ms, give or take a tenth, at which a connection is replaced by a new one, so that what is decided when
   * connecting (names, certificates, the backend behind a load balancer) is decided anew. Calls that run finish on
   * the old one. Default `Infinity`: never.
   */
  readonly maxConnectionAgeMs?: number;
}

export interface ResolvedConnectionOptions {
  readonly connectTimeoutMs: number;
  readonly maxConnections: number;
  readonly idleTimeoutMs: number;
  readonly upkeep: UpkeepRules;
}

/** Fills in the defaults and refuses what makes no sense with `optionInvalid`. */
export function resolveConnectionOptions(options: ConnectionOptions): ResolvedConnectionOptions {
  return {
    connectTimeoutMs: finiteAtLeast("connectTimeoutMs", options.connectTimeoutMs ?? 5000, 1),
    maxConnections: finiteAtLeast("maxConnections", options.maxConnections ?? 8, 1),
    idleTimeoutMs: atLeast("idleTimeoutMs", options.idleTimeoutMs ?? 30 * 60_000, 1),
    upkeep: {
      keepaliveMs: atLeast("keepaliveMs", options.keepaliveMs ?? 10_000, 1),
      keepaliveTimeoutMs: finiteAtLeast("keepaliveTimeoutMs", options.keepaliveTimeoutMs ?? 10_000, 1),
      silenceMs: atLeast("silenceMs", options.silenceMs ?? 1000, 1),
      keepaliveWithoutCalls: options.keepaliveWithoutCalls ?? false,
      maxIdleMs: Number.POSITIVE_INFINITY,
      maxAgeMs: atLeast("maxConnectionAgeMs", options.maxConnectionAgeMs ?? Number.POSITIVE_INFINITY, 1),
    },
  };
}
