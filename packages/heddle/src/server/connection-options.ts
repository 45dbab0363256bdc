/**
 * How long the HTTP/2 connections of a server last, and how it finds out that a client is gone.
 */
import { atLeast, finiteAtLeast } from "../call/check-option.ts";
import type { UpkeepRules } from "../connection/upkeep.ts";

export interface ServerConnectionOptions {
  /**
   * Silence of a client, with calls or without, after which a PING asks for a sign of life, in ms. Default 60 000;
   * `Infinity` for never. gRPC: the server's `KEEPALIVE_TIME`, 2 hours, for which the calls of a dead client go on.
   */
  readonly keepaliveMs?: number;
  /** Silence after that PING which means that the client is gone, in ms: its calls are cut. Default 20 000, as in gRPC. */
  readonly keepaliveTimeoutMs?: number;
  /**
   * Time without a call after which a connection is ended, in ms. Default `Infinity`, as in gRPC: connections that idle
   * cost little, and clients bring them back. gRPC: `MAX_CONNECTION_IDLE`.
   */
  readonly maxConnectionIdleMs?: number;
  /**
   * Age in ms, give or take a tenth, at which a client is asked to connect anew: behind a balancer of connections
   * this is what brings new instances their share. Default `Infinity`, as in gRPC: clients that balance calls have
   * no need of it. gRPC: `MAX_CONNECTION_AGE`.
   */
  readonly maxConnectionAgeMs?: number;
  /** How long the calls of such a connection may go on, in ms. Default `Infinity`. gRPC: `MAX_CONNECTION_AGE_GRACE`. */
  readonly maxConnectionAgeGraceMs?: number;
  /**
   * How long a caller may leave an answer that is finished untouched, and how long it may take over HTTP/2 to send a
   * request of one message, in ms, give or take a half; then the call is given up, and over HTTP/1.1 its connection
   * closed. Default 300 000, as for whole requests over HTTP/1.1; `Infinity` for never. Streams of requests are left alone.
   */
  readonly stalledCallMs?: number;
}

export interface ServerUpkeepRules extends UpkeepRules {
  /** From the end of `maxAgeMs` until calls are cut, in ms. */
  readonly graceMs: number;
  /** See `ServerConnectionOptions`. */
  readonly stalledCallMs: number;
}

/** Fills in the defaults and refuses what makes no sense with `optionInvalid`. */
export function resolveServerUpkeep(options: ServerConnectionOptions): ServerUpkeepRules {
  const { POSITIVE_INFINITY: never } = Number;
  return {
    keepaliveMs: atLeast("keepaliveMs", options.keepaliveMs ?? 60_000, 1),
    keepaliveTimeoutMs: finiteAtLeast("keepaliveTimeoutMs", options.keepaliveTimeoutMs ?? 20_000, 1),
    silenceMs: Number.POSITIVE_INFINITY,
    keepaliveWithoutCalls: true,
    maxIdleMs: atLeast("maxConnectionIdleMs", options.maxConnectionIdleMs ?? never, 1),
    maxAgeMs: atLeast("maxConnectionAgeMs", options.maxConnectionAgeMs ?? never, 1),
    graceMs: atLeast("maxConnectionAgeGraceMs", options.maxConnectionAgeGraceMs ?? never, 0),
    stalledCallMs: atLeast("stalledCallMs", options.stalledCallMs ?? 300_000, 1),
  };
}
