/**
 * How a registry may find out by itself whether an instance works, as the instance asks for it. Registries that have no
 * checks of their own, or are told of them in other ways, do not look at it.
 */
import { finiteAtLeast, invalidOption, oneOf } from "../call/check-option.ts";

/**
 * - `grpc`: `grpc.health.v1.Health/Check` answers SERVING
 * - `http`: a GET is answered by a status from 200 to 299
 * - `tcp`: a connection can be opened
 * - `ttl`: the instance has renewed its registration lately
 */
export type InstanceCheckKind = "grpc" | "http" | "tcp" | "ttl";

export interface InstanceCheckOptions {
  readonly kind: InstanceCheckKind;
  /** With `grpc`: which service is asked for. Default: the server as a whole. */
  readonly service?: string;
  /** With `http`: what is asked for; begins with a slash. Default `/readyz`. */
  readonly path?: string;
  /** With `ttl`: without a sign of life for so long it is unhealthy, in ms. Default: half of its lease. */
  readonly ttlMs?: number;
  /** Pause between two probes, in ms, at least 100. Default 10 000. */
  readonly intervalMs?: number;
  /** A probe that takes longer has failed, in ms, at most 10 000. Default 2 000. */
  readonly timeoutMs?: number;
  /** Probes in a row that must fail before it is unhealthy. Default 3. */
  readonly unhealthyAfter?: number;
  /** Probes in a row that must succeed before it is healthy again. Default 2. */
  readonly healthyAfter?: number;
}

const KINDS: readonly InstanceCheckKind[] = ["grpc", "http", "tcp", "ttl"];

/** Refuses what makes no sense with `optionInvalid`. A kind alone is that kind with every default. */
export function resolveInstanceCheck(given: InstanceCheckKind | InstanceCheckOptions): InstanceCheckOptions {
  const check = typeof given === "string" ? { kind: given } : given;
  oneOf("check.kind", check.kind, KINDS);
  if (check.path?.startsWith("/") === false)
    throw invalidOption("check.path", `it must begin with a slash, not ${check.path}`);
  for (const [name, least] of [
    ["ttlMs", 1],
    ["intervalMs", 100],
    ["timeoutMs", 1],
    ["unhealthyAfter", 1],
    ["healthyAfter", 1],
  ] as const) {
    const value = check[name];
    if (value !== undefined) finiteAtLeast(`check.${name}`, value, least);
  }
  return check;
}
