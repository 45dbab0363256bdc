/**
 * How long to wait before the next attempt: exponential, with a ceiling, and random, because clients that failed
 * together must not come back together.
 *
 * Retries of calls use full jitter, anywhere between nothing and the ceiling, which spreads load best (Marc Brooker,
 * "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). Connections use a narrow band around the ceiling
 * as gRPC does (grpc/doc/connection-backoff.md): an address that refuses should be left alone for a known while.
 */
import type { Random } from "../runtime/random.ts";

export interface BackoffOptions {
  /** Ceiling before attempt 0 is repeated, in milliseconds. */
  baseMs: number;
  /** What the ceiling grows by with each attempt. 1 keeps it. */
  factor: number;
  /** The ceiling never exceeds this (a band may, by its share). */
  maxMs: number;
  /**
   * "full": uniform in [0, ceiling). A share such as 0.2: uniform within ± 20 % of the ceiling.
   * Default "full".
   */
  jitter?: "full" | number;
}

/** Milliseconds to wait after the failure of attempt `attempt`, which counts from 0. */
export function backoffMs(attempt: number, options: BackoffOptions, random: Random): number {
  const { baseMs, factor, maxMs, jitter = "full" } = options;
  const ceilingMs = Math.min(maxMs, baseMs * factor ** attempt);
  if (jitter === "full") return random.next() * ceilingMs;
  return ceilingMs * (1 - jitter + 2 * jitter * random.next());
}

/** Retries of a call: 25 ms, doubling, at most 1 s, full jitter. */
export const callBackoff: Readonly<BackoffOptions> = { baseMs: 25, factor: 2, maxMs: 1000, jitter: "full" };

/** Connection attempts: quicker than gRPC's (1 s up to 120 s), because instances of a mesh restart in seconds. */
export const connectionBackoff: Readonly<BackoffOptions> = {
  baseMs: 100,
  factor: 1.6,
  maxMs: 5000,
  jitter: 0.2,
};
