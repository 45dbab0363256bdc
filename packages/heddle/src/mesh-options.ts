/**
 * Settings of a mesh, from code and from the environment. Code wins over the environment, the environment over
 * the defaults.
 */
import type { Interceptor } from "@connectrpc/connect";
import type { ClientOptions } from "./client/options.ts";
import { HeddleError } from "./call/errors.ts";
import type { RegistryChoice } from "./discovery/compose/registry-choice.ts";
import type { ContractUsageSettings } from "./mesh-contracts.ts";
import type { InstanceCheckKind, InstanceCheckOptions } from "./discovery/instance-check.ts";
import { DEFAULT_REGISTRY_ADDRESS } from "./discovery/registry-address.ts";
import type { Resolver } from "./discovery/resolver.ts";
import type { MeshMetricsOptions } from "./mesh-metrics.ts";
import type { MeshTracesOptions } from "./mesh-traces.ts";
import type { TelemetryOptions } from "./mesh-telemetry.ts";
import type { Runtime } from "./runtime/runtime.ts";
import type { ServerOptions } from "./server/options.ts";

export interface MeshOptions {
  /** Name of this program among the others, such as `orders`. Environment: `HEDDLE_SERVICE`. */
  readonly service?: string;
  /** Unique among all instances. Default: the service's name and six random hex digits. Environment: `HEDDLE_INSTANCE`. */
  readonly instance?: string;
  /**
   * Where the registry is, of whichever kind: `host:port` for Heddle's own, `etcd://host:2379`, `consul://host:8500`,
   * `zookeeper://host:2181`, `eureka://host:8761/eureka`, `kubernetes://`, `dns://host:53/suffix`, `file:///folder`,
   * `xds://host:port` (docs/guides/discovery/); several of them as `{ union: [...] }` or `{ fallback: [...] }`; false for
   * none (then clients need a target of their own). Default `127.0.0.1:4747`, where `heddle control` listens.
   * Environment: `HEDDLE_REGISTRY`, one URL, or `off` for none.
   */
  readonly registry?: RegistryChoice | false;
  /**
   * Names that are found elsewhere than in the registry: service or contract → target, such as
   * `{ "shop.v1.PaymentService": "dns:///payments.internal:443" }`. Default none.
   */
  readonly targets?: Readonly<Record<string, string>>;
  /** Failure domain, such as `eu-west-1a`. Environment: `HEDDLE_ZONE`. */
  readonly zone?: string;
  /** Version of the program. Environment: `HEDDLE_VERSION`. */
  readonly version?: string;
  /** Facts about this instance for others to see. No secrets: everybody who can read the registry sees them. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Settings of all clients of this mesh; `mesh.client` can override each. */
  readonly client?: ClientOptions;
  /** Interceptors of all servers of this mesh, the first one outermost. */
  readonly interceptors?: readonly Interceptor[];
  /** Resolvers for further schemes, or in the place of a built-in one. */
  readonly resolvers?: readonly Resolver[];
  /**
   * Where the last good endpoints are kept, so that a start without a registry finds its peers; false for
   * nowhere. Default: the user's cache folder. Environment: `HEDDLE_STATE_DIR`.
   */
  readonly stateFolder?: string | false;
  /**
   * A YAML or JSON file with service configs by name (docs/reference/service-config.md). It is watched: clients that run
   * follow what changes, and what cannot be understood leaves the last good one in use. A client's own `serviceConfig` goes
   * before it, and it before the control plane. Default none. Environment: `HEDDLE_SERVICE_CONFIG`.
   */
  readonly serviceConfigFile?: string;
  /** Signals on which a mesh that serves drains and ends the process. Default SIGTERM and SIGINT; empty for none. */
  readonly shutdownSignals?: readonly NodeJS.Signals[];
  /**
   * How long a server may take to go away, in ms, from the first step to the last: calls that still run then are cut, and
   * `onWarning` is told which. Default 10 000.
   */
  readonly drainMs?: number;
  /**
   * How long a server that has deregistered goes on as before, in ms, so that callers hear of it; at most half of
   * `drainMs`. Default: 100 while somebody is connected; 5 000 with `kubernetes://`, where the nodes have to be told.
   */
  readonly drainGraceMs?: number;
  /**
   * Tells the control plane which contracts this process answers, and which methods and fields it uses of others' (names and
   * counts, never values), so that `heddle contract check --live` knows whom a change would break: docs/guides/contracts.md.
   * `false` for nothing of it. With Heddle's own registry only. Default true. Environment: `HEDDLE_CONTRACT_USAGE=off`.
   */
  readonly contractUsage?: boolean | ContractUsageSettings;
  /**
   * What is counted of calls, and where it is read (docs/guides/metrics.md); `false` for nothing. Default: all of
   * docs/reference/metrics.md, at `/metrics` of each server. Environment: `HEDDLE_METRICS`.
   */
  readonly metrics?: MeshMetricsOptions | false;
  /**
   * Which traces are kept, and where their spans go (docs/guides/tracing.md); `false` for no spans. Default: to the collector
   * that `OTEL_EXPORTER_OTLP_ENDPOINT` names, else nowhere.
   */
  readonly traces?: MeshTracesOptions | false;
  /**
   * Keeps the recent calls that failed or were slow, and tells them and the counts of all calls to the control plane, for its
   * pages, `heddle calls`, `heddle explain` and `mesh.stats` (docs/guides/explain.md): names, counts, times and the texts of
   * errors, no messages and no metadata. `false` for nothing of it. Default: to the control plane that is the registry, and with a
   * registry of another kind to nobody. Environment: `HEDDLE_TELEMETRY=off`.
   */
  readonly telemetry?: TelemetryOptions | false;
  /** Told in a sentence what somebody should know: a lost registry, a cache that cannot be read. Default: standard error. */
  readonly onWarning?: (message: string) => void;
  /** Time, timers and randomness. Default: the process's. */
  readonly runtime?: Runtime;
}

export interface ServeOptions
  extends Omit<ServerOptions, "services" | "interceptors" | "runtime" | "metrics" | "traces" | "recent"> {
  /**
   * Address that others are told, where it differs from the one listened at (behind a NAT, in a container).
   * Default: the listening address; for `0.0.0.0` and `[::]` the first address of the machine. Environment:
   * `HEDDLE_ADVERTISE`. `listen` itself comes from `HEDDLE_LISTEN` when not given.
   */
  readonly advertise?: string;
  /** Share of calls relative to the other instances. Default 1. */
  readonly weight?: number;
  /**
   * How the registry checks this instance by itself: `grpc`, `http`, `tcp` or `ttl`, or one of them with its own
   * settings. Heddle's registry; others have their own ways. Default: as the registry is set up for the service.
   */
  readonly check?: InstanceCheckKind | InstanceCheckOptions;
}

export interface Identity {
  readonly service: string;
  readonly instance: string;
  readonly registry: RegistryChoice | false;
  readonly zone: string | undefined;
  readonly version: string | undefined;
}

/** Who this process is. Throws `optionInvalid` for names that cannot be used. */
export function resolveIdentity(
  options: MeshOptions,
  env: NodeJS.ProcessEnv,
  randomHex: () => string,
): Identity {
  const service = options.service ?? env["HEDDLE_SERVICE"] ?? "app";
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(service)) {
    throw new HeddleError("optionInvalid", {
      option: "service",
      reason: `"${service}" is not a name of letters, digits, dots, dashes and underscores`,
    });
  }
  const given = options.registry ?? (env["HEDDLE_REGISTRY"] || DEFAULT_REGISTRY_ADDRESS);
  const registry = given === "off" ? false : given;
  return {
    service,
    instance: options.instance ?? env["HEDDLE_INSTANCE"] ?? `${service}-${randomHex()}`,
    registry,
    zone: options.zone ?? env["HEDDLE_ZONE"],
    version: options.version ?? env["HEDDLE_VERSION"],
  };
}
