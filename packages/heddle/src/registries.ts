/**
 * Registries by URL: which kinds there are, and what each is lent. One of the places where concrete parts meet, beside
 * `mesh.ts`; what a kind of registry needs is loaded when the first URL names it.
 */
import { nearest } from "./call/nearest.ts";
import { invalidOption } from "./call/check-option.ts";
import { oneLine } from "./call/one-line.ts";
import { tell } from "./call/tell.ts";
import { detached } from "./client/detached.ts";
import { createTransport } from "./client/transport.ts";
import type { DiscoveryEvent } from "./discovery/discovery-event.ts";
import { createLastGoodStore } from "./discovery/follow/last-good.ts";
import type {
  OpenRegistry,
  RegistryClient,
  RegistryTls,
  RegistryTransport,
  RegistryTransportOptions,
} from "./discovery/registry-client.ts";
import { parseRegistryUrl } from "./discovery/registry-url.ts";
import { stayUp } from "./discovery/waiting/stay-up.ts";
import { type Runtime, systemRuntime } from "./runtime/runtime.ts";

/** Scheme → what opens it. */
const KINDS: Readonly<Record<string, () => Promise<OpenRegistry>>> = {
  heddle: async () => (await import("./control/agent/open-heddle.ts")).openHeddle,
  etcd: async () => (await import("./discovery/etcd/open-etcd.ts")).openEtcd,
  consul: async () => (await import("./discovery/consul/open-consul.ts")).openConsul,
  zookeeper: async () => (await import("./discovery/zookeeper/open-zookeeper.ts")).openZookeeper,
  eureka: async () => (await import("./discovery/eureka/open-eureka.ts")).openEureka,
  kubernetes: async () => (await import("./discovery/kubernetes/open-kubernetes.ts")).openKubernetes,
  dns: async () => (await import("./discovery/dns/open-dns.ts")).openDns,
  file: async () => (await import("./discovery/file/open-file.ts")).openFile,
  xds: async () => (await import("./discovery/xds/open-xds.ts")).openXds,
};

/** The schemes of the registries that are built in. */
export const REGISTRY_SCHEMES: readonly string[] = Object.keys(KINDS);

export interface OpenRegistryOptions {
  /**
   * Where the last good endpoints are kept; false for nowhere. Default: the user's cache folder (see
   * `defaultStateFolder`).
   */
  readonly stateFolder?: string | false;
  /** What watches and registrations go through, for logs and metrics. Default: ignored. */
  readonly onEvent?: (event: DiscoveryEvent) => void;
  /** Told in a sentence what somebody should know. No secrets. Default: ignored. */
  readonly onWarning?: (message: string, cause?: unknown) => void;
  /** Where adapters look for their engine's usual variables. Default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Must grow from one start of the process to the next where instance ids stay the same. Default: the wall clock, in ms. */
  readonly incarnation?: bigint;
  /** Time, timers and randomness. Default: the process's. */
  readonly runtime?: Runtime;
}

/**
 * A registry for a program of its own: to watch what is there, to register what is no Heddle server. A mesh opens its own.
 * Connects when something is watched or registered, and keeps the process up until that has ended. Throws `optionInvalid` for
 * a URL that can't be used.
 */
export async function openRegistry(url: string, options: OpenRegistryOptions = {}): Promise<RegistryClient> {
  return stayUp(await openMeshRegistry(url, options), (options.runtime ?? systemRuntime).timers);
}

/** The same as a part of a mesh: the process stays up for what is served and called, and not for whom one knows. */
export async function openMeshRegistry(
  url: string,
  options: OpenRegistryOptions = {},
): Promise<RegistryClient> {
  const { stateFolder, env = process.env } = options;
  // What the program is told with may throw: neither a watch nor a registration ends with that.
  const onEvent = (event: DiscoveryEvent) => tell(options.onEvent ?? (() => {}), event);
  const onWarning = (message: string, cause?: unknown) =>
    tell(options.onWarning ?? (() => {}), oneLine(message), cause);
  const { runtime = systemRuntime } = options;
  const registry = parseRegistryUrl(url);
  const kind = Object.hasOwn(KINDS, registry.scheme) ? KINDS[registry.scheme] : undefined;
  if (kind === undefined) throw unknownKind(registry.scheme);
  const open = await kind();
  const lastGood =
    stateFolder === false
      ? undefined
      : createLastGoodStore({
          registry: registry.identity,
          ...runtime,
          onWarning,
          ...(stateFolder === undefined ? {} : { folder: stateFolder }),
        });
  const client = open({
    url: registry,
    runtime,
    env,
    incarnation: options.incarnation ?? BigInt(Math.floor(runtime.clock.wallMs())),
    lastGood,
    onEvent,
    onWarning,
    openTransport: (wanted) => openTransport(wanted, runtime),
  });
  return {
    resolver: client.resolver,
    registrar: client.registrar,
    contracts: client.contracts,
    telemetry: client.telemetry,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await lastGood?.[Symbol.asyncDispose]();
    },
  };
}

function unknownKind(scheme: string): Error {
  const meant = nearest(scheme, REGISTRY_SCHEMES);
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  return invalidOption(
    "registry",
    `there is no kind of registry "${scheme.slice(0, 40)}"; known: ${REGISTRY_SCHEMES.join(", ")}${hint}`,
  );
}

/** A snapshot of tens of thousands of instances is one message. */
const REGISTRY_MESSAGE_BYTES = 64 * 1024 * 1024;

function openTransport(
  {
    hosts,
    tls,
    maxReceiveMessageBytes = REGISTRY_MESSAGE_BYTES,
    keepaliveMs = 2_000,
  }: RegistryTransportOptions,
  runtime: Runtime,
): RegistryTransport {
  // A watch may be opened inside a handler, by the first call to a service.
  return detached(
    createTransport({
      target: `static:///${hosts.join(",")}`,
      runtime,
      maxReceiveMessageBytes,
      keepaliveMs,
      keepaliveTimeoutMs: 3_000,
      ...(tls === undefined ? {} : { tls: toTlsOptions(tls) }),
    }),
  );
}

function toTlsOptions({ ca, cert, key, serverName }: RegistryTls) {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}
