/**
 * The composition root: the only file where the concrete parts meet. A mesh is what one process is among the
 * others: its name, its registry, the clients it makes calls with, the servers it answers with.
 */
import type { DescService } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { randomBytes } from "node:crypto";
import { finiteAtLeast } from "./call/check-option.ts";
import { HeddleError } from "./call/errors.ts";
import { oneLine } from "./call/one-line.ts";
import { tell } from "./call/tell.ts";
import { Channel } from "./client/channel.ts";
import type { ClientOptions } from "./client/options.ts";
import { openServiceConfigFile, type ServiceConfigFile } from "./client/service-config-file.ts";
import type { ChannelStatus } from "./client/status.ts";
import { createStub } from "./client/stub.ts";
import type { RestMode } from "./contract/compatibility/contract-text.ts";
import { CONTRACT_HASH_KEY, servedContract } from "./discovery/contract-hash.ts";
import { createEndpoint } from "./discovery/endpoint.ts";
import { createResolvers, type Resolvers } from "./discovery/resolvers.ts";
import { createStaticResolver } from "./discovery/static.ts";
import { resolveInstanceCheck } from "./discovery/instance-check.ts";
import { heddleTarget, parseTarget } from "./discovery/target.ts";
import type { ServiceStats } from "./discovery/service-stats.ts";
import type { TelemetrySink } from "./discovery/telemetry-sink.ts";
import type { WatchStatus } from "./discovery/watch-status.ts";
import { MeshContracts } from "./mesh-contracts.ts";
import { type MeshMetrics, resourceOf, RunningMetrics } from "./mesh-metrics.ts";
import { MeshTelemetry } from "./mesh-telemetry.ts";
import { RunningTraces } from "./mesh-traces.ts";
import { MeshRegistries } from "./mesh-registries.ts";
import { type DrainOptions, type MeshServer, RegisteredServer } from "./mesh-server.ts";
import { type Identity, type MeshOptions, resolveIdentity, type ServeOptions } from "./mesh-options.ts";
import { configFor } from "./policy/parse-service-configs.ts";
import { systemRuntime } from "./runtime/runtime.ts";
import type { KeptCall } from "./telemetry/recent-calls.ts";
import type { Implementation } from "./server/implement.ts";
import { reachableAddress } from "./server/reachable-address.ts";
import { createServer } from "./server/server.ts";
import { onShutdown } from "./shutdown.ts";

export interface MeshClientOptions extends ClientOptions {
  /** What to call. Default `heddle:///` and the full name of the Protobuf service: whoever registered it. */
  readonly target?: string;
}

export interface Mesh extends AsyncDisposable {
  readonly service: string;
  /** Name of this instance. */
  readonly instance: string;
  /** A typed client that finds, balances, retries and keeps its deadline. Cheap: clients of one target share connections. */
  client<Service extends DescService>(service: Service, options?: MeshClientOptions): Client<Service>;
  /** Listens, answers, and registers. */
  serve(services: Implementation | readonly Implementation[], options?: ServeOptions): Promise<MeshServer>;
  /**
   * `ready(false, "the cache is cold")`: this process wants no calls for now, and answers those that come; `ready(true)`
   * takes it back. Holds for all its servers, those to come as well. See `MeshServer.health` for a single one.
   */
  ready(isReady: boolean, reason?: string): void;
  /** What its clients see: a snapshot of each target, its instances and their connections. */
  channels(): readonly ChannelStatus[];
  /** The recent calls of this process that failed, were slow or are samples, the newest first; see `explain`. */
  recentCalls(): readonly KeptCall[];
  /**
   * What a service does: rate, failures and times of the calls that it serves, over so many seconds (60 to 21 600, default
   * 300). From the control plane, or Prometheus where `telemetry.prometheus` names one. Undefined when nothing is known of it;
   * rejects when nobody answers.
   */
  stats(service: string, windowSeconds?: number): Promise<ServiceStats | undefined>;
  /** What is measured in this process: docs/guides/metrics.md. */
  readonly metrics: MeshMetrics;
  /** What it knows of each name that it follows in a registry: whose word that is, and how old. */
  discovery(): readonly WatchStatus[];
  /** Drains and closes everything: servers first, then clients. Disposal does the same. */
  close(options?: DrainOptions): Promise<void>;
}

export async function createMesh(options: MeshOptions = {}): Promise<Mesh> {
  const identity = resolveIdentity(options, process.env, () => randomBytes(3).toString("hex"));
  const { runtime = systemRuntime, stateFolder, onWarning = tellStandardError } = options;
  finiteAtLeast("drainGraceMs", options.drainGraceMs ?? 0, 0);
  const registries = await MeshRegistries.open(identity.registry, { runtime, stateFolder, warn: onWarning });
  const sink = await registries.sinkOf(options.telemetry || {});
  const mesh = new RunningMesh(options, identity, registries, sink);
  const path = options.serviceConfigFile ?? process.env["HEDDLE_SERVICE_CONFIG"];
  try {
    await mesh.metrics.listen();
    if (path !== undefined && path !== "") await mesh.followServiceConfigs(path);
    return mesh;
  } catch (error) {
    await mesh.close();
    throw error;
  }
}

class RunningMesh implements Mesh {
  readonly #options: MeshOptions;
  readonly #identity: Identity;
  readonly metrics: RunningMetrics;
  readonly #traces: RunningTraces;
  readonly #registries: MeshRegistries;
  readonly #resolvers: Resolvers;
  readonly #contracts: MeshContracts;
  readonly #telemetry: MeshTelemetry;
  /** Channels with the mesh's own settings, by target: they are shared. */
  readonly #shared = new Map<string, Channel>();
  /** With the name that was asked for. */
  readonly #channels = new Map<Channel, string>();
  #serviceConfigs: ServiceConfigFile | undefined;
  readonly #servers = new Set<MeshServer>();
  /** Why the process wants no calls. */
  #unready: string | undefined;
  /** A signal is ending the process. */
  #endsProcess = false;
  #forgetSignals: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    options: MeshOptions,
    identity: Identity,
    registries: MeshRegistries,
    sink: TelemetrySink | undefined,
  ) {
    this.#options = options;
    this.#identity = identity;
    this.#registries = registries;
    this.metrics = new RunningMetrics({
      options: options.metrics,
      env: process.env,
      runtime: this.#runtime,
      resource: resourceOf(identity, process.env),
      discovery: () => this.discovery(),
      warn: (message) => this.#warn(message),
    });
    this.#traces = new RunningTraces({
      options: options.traces,
      env: process.env,
      runtime: this.#runtime,
      resource: resourceOf(identity, process.env),
      warn: (message) => this.#warn(message),
    });
    this.#contracts = new MeshContracts({
      ...identity,
      ledgers: registries.ledgers,
      runtime: options.runtime ?? systemRuntime,
      settings: options.contractUsage ?? process.env["HEDDLE_CONTRACT_USAGE"] !== "off",
    });
    this.#telemetry = new MeshTelemetry({
      ...identity,
      sink,
      runtime: this.#runtime,
      metrics: this.metrics.recorded,
      settings: options.telemetry ?? (process.env["HEDDLE_TELEMETRY"] === "off" ? false : {}),
    });
    this.#resolvers = createResolvers([
      createStaticResolver(),
      ...registries.resolvers,
      ...(options.resolvers ?? []),
    ]);
  }

  /** Throws for a file that cannot be used. */
  async followServiceConfigs(path: string): Promise<void> {
    this.#serviceConfigs = await openServiceConfigFile({
      path,
      runtime: this.#runtime,
      onChange: (configs) => {
        for (const [channel, name] of this.#channels) channel.setFileConfig(configFor(configs, name));
      },
      onWarning: (message) => this.#warn(message),
    });
    for (const note of this.#serviceConfigs.configs.notes) this.#warn(`${path}: ${note}`);
  }

  get service(): string {
    return this.#identity.service;
  }

  get instance(): string {
    return this.#identity.instance;
  }

  get #resolvesNames(): boolean {
    const { resolvers = [] } = this.#options;
    return this.#registries.isConfigured || resolvers.some(({ scheme }) => scheme === "heddle");
  }

  /** What is told may come from others, and who is told may throw. */
  #warn(message: string): void {
    tell(this.#options.onWarning ?? tellStandardError, oneLine(message));
  }

  get #drainMs(): number {
    return this.#options.drainMs ?? 10_000;
  }

  get #runtime() {
    return this.#options.runtime ?? systemRuntime;
  }

  client<Service extends DescService>(service: Service, options: MeshClientOptions = {}): Client<Service> {
    const { target: text, ...own } = options;
    return createStub(
      service,
      this.#channel(text === undefined ? heddleTarget(service.typeName).text : text, own),
    );
  }

  async serve(
    services: Implementation | readonly Implementation[],
    options: ServeOptions = {},
  ): Promise<MeshServer> {
    this.#refuseWhenClosed();
    const {
      advertise = process.env["HEDDLE_ADVERTISE"],
      weight = 1,
      listen = process.env["HEDDLE_LISTEN"],
      reflection = process.env["HEDDLE_REFLECTION"] === "on",
      openapi = reflection,
      check,
      ...serverOptions
    } = options;
    const registration = { check: check === undefined ? undefined : resolveInstanceCheck(check) };
    const implementations = "service" in services ? [services] : services;
    const { recorded } = this.metrics;
    const { recorded: traces } = this.#traces;
    const server = await createServer({
      ...serverOptions,
      reflection,
      openapi,
      services: implementations,
      interceptors: this.#options.interceptors ?? [],
      runtime: this.#runtime,
      pages: [...this.metrics.pages, ...(serverOptions.pages ?? [])],
      ...(recorded === undefined ? {} : { metrics: recorded }),
      ...(this.#telemetry.served === undefined ? {} : { recent: this.#telemetry.served }),
      ...(traces === undefined ? {} : { traces }),
      ...(listen === undefined ? {} : { listen }),
    });
    if (this.#unready !== undefined) server.health.ready(false, this.#unready);
    const { service, instance, zone, version } = this.#identity;
    const { registrar } = this.#registries;
    const contract = servedContract(
      implementations.map((one) => one.service),
      restModeOf(serverOptions.rest),
    );
    this.#contracts.serves(contract);
    this.#telemetry.start();
    const registered = registrar?.register(
      createEndpoint({
        // A second server of the same mesh is an instance of its own.
        id: this.#servers.size === 0 ? instance : `${instance}.${this.#servers.size}`,
        address: advertise ?? reachableAddress(server.address),
        service,
        contracts: server.services,
        protocols: SERVED_PROTOCOLS,
        tls: serverOptions.tls !== undefined,
        weight,
        metadata: {
          [CONTRACT_HASH_KEY]: contract.hash,
          ...this.metrics.placeBeside(server.address, this.#servers.size === 0),
          ...this.#options.metadata,
        },
        ...(zone === undefined ? {} : { zone }),
        ...(version === undefined ? {} : { version }),
      }),
      registration,
    );
    const running = new RegisteredServer(server, registered, {
      runtime: this.#runtime,
      drainMs: this.#drainMs,
      drainGraceMs: this.#options.drainGraceMs ?? registrar?.heardWithinMs,
      endsProcess: () => this.#endsProcess,
      onClose: (closed) => this.#servers.delete(closed),
      onCut: this.#options.onWarning ?? tellStandardError,
    });
    this.#servers.add(running);
    this.#forgetSignals ??= onShutdown(
      this.#options.shutdownSignals ?? ["SIGTERM", "SIGINT"],
      this.#runtime.clock,
      () => {
        this.#endsProcess = true;
        return this.close();
      },
    );
    return running;
  }

  ready(isReady: boolean, reason = "it says so itself"): void {
    this.#unready = isReady ? undefined : reason;
    for (const { health } of this.#servers) health.ready(isReady, reason);
  }

  stats(service: string, windowSeconds = 300): Promise<ServiceStats | undefined> {
    return this.#telemetry.stats(service, windowSeconds);
  }

  recentCalls(): readonly KeptCall[] {
    return this.#telemetry.recent();
  }

  channels(): readonly ChannelStatus[] {
    return [...this.#channels.keys()].map((channel) => channel.describe());
  }

  discovery(): readonly WatchStatus[] {
    return this.#registries.describe();
  }

  close(options: DrainOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(options: DrainOptions): Promise<void> {
    this.#forgetSignals?.();
    // Handlers that finish may still make calls: clients go last.
    await Promise.all([...this.#servers].map((server) => server.close(options)));
    this.#serviceConfigs?.[Symbol.dispose]();
    for (const channel of this.#channels.keys()) channel.close();
    await Promise.all([this.#contracts[Symbol.asyncDispose](), this.#telemetry[Symbol.asyncDispose]()]);
    await this.#registries[Symbol.asyncDispose]();
    await this.#traces[Symbol.asyncDispose]();
    await this.metrics[Symbol.asyncDispose]();
  }

  #channel(text: string, own: ClientOptions): Channel {
    this.#refuseWhenClosed();
    const asked = parseTarget(text);
    const { targets = {} } = this.#options;
    const elsewhere =
      asked.scheme === "heddle" && Object.hasOwn(targets, asked.name) ? targets[asked.name] : undefined;
    const target = elsewhere === undefined ? asked : parseTarget(elsewhere);
    if (target.scheme === "heddle" && target.authority === "" && !this.#resolvesNames) {
      throw new HeddleError("targetInvalid", {
        target: target.text,
        reason:
          "this mesh has no registry, so the client needs a target with an address, its own or in the mesh's targets",
      });
    }
    const isShared = Object.keys(own).length === 0;
    const known = isShared ? this.#shared.get(target.text) : undefined;
    if (known !== undefined) return known;
    const { zone } = this.#identity;
    // Who finds nothing in the registry does not talk to it.
    if (target.scheme === "heddle") this.#contracts.start();
    if (target.scheme === "heddle" || this.#options.telemetry) this.#telemetry.start();
    const channel = new Channel({
      target,
      resolver: this.#resolvers.find(target),
      runtime: this.#runtime,
      options: { ...(zone === undefined ? {} : { zone }), ...this.#options.client, ...own },
      usage: this.#contracts.usage,
      metrics: this.metrics.recorded,
      traces: this.#traces.recorded,
      recent: this.#telemetry.made,
      fileConfig: this.#serviceConfigs && configFor(this.#serviceConfigs.configs, asked.name),
      onWarning: (message) => this.#warn(message),
    });
    if (isShared) this.#shared.set(target.text, channel);
    this.#channels.set(channel, asked.name);
    return channel;
  }

  #refuseWhenClosed(): void {
    if (this.#closing !== undefined) throw new HeddleError("closed", { what: "the mesh" });
  }
}

function restModeOf(rest: ServeOptions["rest"]): RestMode {
  if (rest === false) return "off";
  return rest?.conventions === true ? "conventions" : "annotations";
}

/** Every server answers all of them on its one port. */
const SERVED_PROTOCOLS: readonly string[] = ["grpc", "grpc-web", "connect"];

function tellStandardError(text: string): void {
  process.stderr.write(`heddle: ${text}\n`);
}
