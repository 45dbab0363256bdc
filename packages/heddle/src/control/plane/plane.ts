/**
 * The embedded control plane: what `heddle control` runs, and what tests start beside the services. In this version it
 * is the registry on an ordinary Heddle server; nothing in it is needed for calls that are already under way.
 */
import { randomUUID } from "node:crypto";
import { finiteAtLeast, invalidOption } from "../../call/check-option.ts";
import { oneLine } from "../../call/one-line.ts";
import { tell } from "../../call/tell.ts";
import type { ClientTlsOptions, ServerTlsOptions } from "../../connection/tls.ts";
import { DEFAULT_REGISTRY_ADDRESS } from "../../discovery/registry-address.ts";
import { ContractService } from "../../gen/heddle/contract/v1/contract_pb.ts";
import { RegistryAdminService } from "../../gen/heddle/registry/v1/admin_pb.ts";
import { RegistryService } from "../../gen/heddle/registry/v1/registry_pb.ts";
import { TelemetryService } from "../../gen/heddle/telemetry/v1/telemetry_pb.ts";
import { type Runtime, systemRuntime } from "../../runtime/runtime.ts";
import { implement } from "../../server/implement.ts";
import { createServer } from "../../server/server.ts";
import { createAdminService } from "./admin-service.ts";
import { openContractKeeper } from "./contract-keeper.ts";
import { createContractService } from "./contract-service.ts";
import { ContractStore } from "./contract-store.ts";
import { createEtcdStore } from "./etcd-store.ts";
import { startHealthChecker } from "./health-checker.ts";
import { createPrometheusPage } from "./prometheus-sd.ts";
import { createRegistry, type RegistryOptions, type RegistryView } from "./registry.ts";
import { createRegistryService } from "./registry-service.ts";
import { ServiceConfigs } from "./service-configs.ts";
import { ServiceSettings } from "./service-settings.ts";
import { shareInstances } from "./shared-instances.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import { createMemoryStore, openStoreKeeper } from "./store-keeper.ts";
import { createApiPage } from "./telemetry/api-page.ts";
import { createTelemetryService } from "./telemetry/telemetry-service.ts";
import { createTelemetryStore } from "./telemetry/telemetry-store.ts";

export interface ControlPlaneOptions
  extends Pick<RegistryOptions, "leaseTtlMs" | "disconnectGraceMs" | "warmUpMs" | "limits"> {
  /** `host:port`; port 0 lets the system choose. Default 127.0.0.1:4747: this machine only. */
  readonly listen?: string;
  /**
   * Folder for what outlives the process: static instances, options and configs of services, what is used of which contract, and
   * who was registered, so that a restart begins with them. For one control plane alone. Default: nothing is kept.
   */
  readonly data?: string;
  /**
   * `etcd://host:2379,host:2379/prefix`: shares everything with the other control planes that have the same store, any of
   * which then serves every instance. Options of the URL: `ttlMs` is how long the instances of a control plane
   * that died stay (default 15 000); `tls`, `ca`, `cert`, `key`, `passwordFile`. Not together with `data`. Default: none.
   */
  readonly store?: string;
  /** Certificate and key, and with `ca` the client certificates that are let in. Default: plain text. */
  readonly tls?: ServerTlsOptions;
  /** Health checks that may run at once. Default 64. */
  readonly maxChecks?: number;
  /** Whom health checks of instances with TLS trust, and what they show. Default: the authorities that come with Node. */
  readonly checkTls?: ClientTlsOptions;
  /** Told in a sentence what somebody should know, such as a store that cannot be written. Default: standard error. */
  readonly onWarning?: (message: string) => void;
  /** Time, timers and randomness. Default: the process's. */
  readonly runtime?: Runtime;
}

export interface ControlPlane extends AsyncDisposable {
  /** Where it listens, with the real port. */
  readonly address: string;
  /** For a look at what is registered, from the same process. */
  readonly registry: RegistryView;
  /** Ends all streams and stops listening. Agents keep what they know and look for the next control plane. Disposal does the same. */
  close(): Promise<void>;
}

/** Starts listening. Rejects with the catalogue's `listenFailed` or `storeFailed`. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const {
    listen = DEFAULT_REGISTRY_ADDRESS,
    data,
    store: storeUrl,
    runtime = systemRuntime,
    checkTls,
    maxChecks = 64,
  } = options;
  const { clock, timers } = runtime;
  const { leaseTtlMs, disconnectGraceMs, warmUpMs, limits } = options;
  const { onWarning = (message: string) => process.stderr.write(`heddle control: ${message}\n`) } = options;
  const maxRunning = finiteAtLeast("maxChecks", maxChecks, 1);
  await using starting = new AsyncDisposableStack();
  const warn = (message: string) => tell(onWarning, oneLine(message));
  if (data !== undefined && storeUrl !== undefined)
    throw invalidOption("store", "it replaces data: give one of them");
  const shared =
    storeUrl === undefined ? undefined : createEtcdStore({ url: storeUrl, runtime, onWarning: warn });
  const store = starting.use(
    shared ?? (data === undefined ? createMemoryStore() : await openSqliteStore(data)),
  );
  const registry = createRegistry({
    epoch: randomUUID(),
    startedAtMs: clock.now(),
    ...(leaseTtlMs === undefined ? {} : { leaseTtlMs }),
    ...(disconnectGraceMs === undefined ? {} : { disconnectGraceMs }),
    ...(warmUpMs === undefined ? {} : { warmUpMs }),
    ...(limits === undefined ? {} : { limits }),
  });
  const settings = new ServiceSettings();
  const configs = new ServiceConfigs();
  const keeper = starting.use(
    await openStoreKeeper({
      store,
      registry,
      settings,
      configs,
      timers,
      remembers: data !== undefined,
      onWarning: warn,
    }),
  );
  const contracts = new ContractStore();
  // Where several share a store, each keeps what it was told in memory, and who asks asks all of them.
  const contractKeeper = starting.use(
    await openContractKeeper({
      contracts,
      store: data === undefined ? undefined : store,
      timers,
      onWarning: warn,
    }),
  );
  if (shared !== undefined)
    starting.use(shareInstances({ store: shared, registry, runtime, onWarning: warn }));
  keeper.follow();
  starting.use(startHealthChecker({ registry, settings, runtime, maxRunning, tls: checkTls }));
  const telemetry = createTelemetryStore();
  const service = starting.use(createRegistryService({ registry, configs, clock, timers }));
  const server = await createServer({
    services: [
      implement(RegistryService, service.implementation),
      implement(RegistryAdminService, createAdminService({ registry, settings, configs, keeper })),
      implement(
        ContractService,
        createContractService({ store: contracts, clock, onChange: contractKeeper.changed }),
      ),
      implement(TelemetryService, createTelemetryService({ store: telemetry, clock })),
    ],
    pages: [
      createPrometheusPage(registry, runtime.clock),
      createApiPage({ store: telemetry, registry, clock, timers }),
    ],
    listen,
    runtime,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  });
  const parts = starting.move();
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    service[Symbol.dispose]();
    await server.close({ drainMs: DRAIN_MS });
    await parts.disposeAsync();
  }

  const plane: ControlPlane = {
    address: server.address,
    registry,
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]: () => plane.close(),
  };
  return plane;
}

/** Streams are ended by the service at once; this is for the bytes still on their way. */
const DRAIN_MS = 200;
