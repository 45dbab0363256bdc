/**
 * How a server answers for its health: which of the ways to ask it has, and what it looks at by itself.
 */
import { finiteAtLeast, invalidOption } from "../call/check-option.ts";

export interface HealthOptions {
  /** Serves gRPC's health protocol, `grpc.health.v1.Health`, beside the services. Default true. */
  readonly service?: boolean;
  /**
   * Answers `GET /livez` (200 as long as the process answers at all) and `GET /readyz` (200 while it is ready, else 503
   * and why), for probes that speak plain HTTP. Default true.
   */
  readonly pages?: boolean;
  /**
   * What must work for this server to want calls, by name: a database, a cache that has to be warm. Each is run when
   * the server starts and again and again; until all have succeeded once, the server is `starting`. Default none.
   * Leave out what every instance depends on alike: when it fails none is ready, and nobody is better off.
   */
  readonly checks?: Readonly<Record<string, ReadinessCheck>>;
  /** Pause between two runs of a check, in ms. Default 5 000. */
  readonly checkIntervalMs?: number;
  /** A run that takes longer has failed, in ms. Default 2 000. */
  readonly checkTimeoutMs?: number;
  /** Runs of one check in a row that must fail before the server is unready. Default 2; one that succeeds takes it back. */
  readonly unreadyAfter?: number;
}

/** Fails by throwing, rejecting or returning false. `signal` aborts when its time is up, or the server closes. */
export type ReadinessCheck = (context: { readonly signal: AbortSignal }) => unknown;

export type ResolvedHealthOptions = Required<HealthOptions>;

/** Fills in the defaults and refuses what makes no sense with `optionInvalid`. False is: nothing of it. */
export function resolveHealthOptions(given: HealthOptions | false = {}): ResolvedHealthOptions {
  const options = given === false ? { service: false, pages: false } : given;
  const { service = true, pages = true, checks = {} } = options;
  for (const [name, check] of Object.entries(checks))
    if (typeof check !== "function") throw invalidOption("health.checks", `${name} is not a function`);
  return {
    service,
    pages,
    checks,
    checkIntervalMs: finiteAtLeast("health.checkIntervalMs", options.checkIntervalMs ?? 5000, 1),
    checkTimeoutMs: finiteAtLeast("health.checkTimeoutMs", options.checkTimeoutMs ?? 2000, 1),
    unreadyAfter: finiteAtLeast("health.unreadyAfter", options.unreadyAfter ?? 2, 1),
  };
}
