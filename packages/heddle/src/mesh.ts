/**
 * The composition root: the only file where the concrete parts meet. A mesh is what one process is among the
 * others: its name, its registry, the clients it makes calls with, the servers it answers with.
 */
import type { DescService } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { randomBytes } from "node:crypto";
import { HeddleError } from "./call/errors.ts";
import { Channel } from "./client/channel.ts";
import type { ClientOptions } from "./client/options.ts";
import type { ChannelStatus } from "./client/status.ts";
import { createStub } from "./client/stub.ts";
import { type ClosableTransport, createTransport } from "./client/transport.ts";
import { type Agent, createAgent } from "./control/agent/agent.ts";
import type { DiscoveryEvent } from "./discovery/discovery-event.ts";
import { createEndpoint } from "./discovery/endpoint.ts";
import { registryError } from "./discovery/registry-error.ts";
import { createResolvers, type Resolvers } from "./discovery/resolvers.ts";
import { createStaticResolver } from "./discovery/static.ts";
import { heddleTarget, parseTarget } from "./discovery/target.ts";
import { type MeshServer, RegisteredServer } from "./mesh-server.ts";
import { type Identity, type MeshOptions, resolveIdentity, type ServeOptions } from "./mesh-options.ts";
import { systemRuntime } from "./runtime/runtime.ts";
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
  /** What its clients see: a snapshot of each target, its instances and their connections. */
  channels(): readonly ChannelStatus[];
  /** Drains and closes everything: servers first, then clients. Disposal does the same. */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

export async function createMesh(options: MeshOptions = {}): Promise<Mesh> {
  return new RunningMesh(
    options,
    resolveIdentity(options, process.env, () => randomBytes(3).toString("hex")),
  );
}

class RunningMesh implements Mesh {
  readonly #options: MeshOptions;
  readonly #identity: Identity;
  readonly #agent: Agent | undefined;
  readonly #agentTransport: ClosableTransport | undefined;
  readonly #resolvers: Resolvers;
  /** Channels with the mesh's own settings, by target: they are shared. */
  readonly #shared = new Map<string, Channel>();
  readonly #channels = new Set<Channel>();
  readonly #servers = new Set<MeshServer>();
  #registryLost = false;
  /** A signal is ending the process. */
  #endsProcess = false;
  #forgetSignals: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: MeshOptions, identity: Identity) {
    this.#options = options;
    this.#identity = identity;
    const { registry } = identity;
    if (registry !== false) {
      this.#agentTransport = createTransport({
        target: registry,
        runtime: this.#runtime,
        maxReceiveMessageBytes: REGISTRY_MESSAGE_BYTES,
      });
      this.#agent = createAgent({
        transport: this.#agentTransport,
        registry,
        runtime: this.#runtime,
        onWarning: (message) => this.#warn(message),
        onEvent: (event) => this.#onAgentEvent(event, registry),
        ...(options.stateFolder === undefined ? {} : { stateFolder: options.stateFolder }),
      });
    }
    this.#resolvers = createResolvers([
      createStaticResolver(),
      ...(this.#agent === undefined ? [] : [this.#agent.resolver]),
      ...(options.resolvers ?? []),
    ]);
  }

  get service(): string {
    return this.#identity.service;
  }

  get instance(): string {
    return this.#identity.instance;
  }

  get #resolvesHeddle(): boolean {
    return this.#options.resolvers?.some(({ scheme }) => scheme === "heddle") ?? false;
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
      ...serverOptions
    } = options;
    const server = await createServer({
      ...serverOptions,
      services: "service" in services ? [services] : services,
      interceptors: this.#options.interceptors ?? [],
      runtime: this.#runtime,
      ...(listen === undefined ? {} : { listen }),
    });
    const { service, instance, zone, version } = this.#identity;
    const registration = this.#agent?.registrar.register(
      createEndpoint({
        // A second server of the same mesh is an instance of its own.
        id: this.#servers.size === 0 ? instance : `${instance}.${this.#servers.size}`,
        address: advertise ?? reachableAddress(server.address),
        service,
        contracts: server.services,
        weight,
        metadata: this.#options.metadata ?? {},
        ...(zone === undefined ? {} : { zone }),
        ...(version === undefined ? {} : { version }),
      }),
    );
    const running = new RegisteredServer(server, registration, {
      drainMs: this.#drainMs,
      endsProcess: () => this.#endsProcess,
      onClose: (closed) => this.#servers.delete(closed),
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

  channels(): readonly ChannelStatus[] {
    return [...this.#channels].map((channel) => channel.describe());
  }

  close({ drainMs = this.#drainMs }: { readonly drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(drainMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(drainMs: number): Promise<void> {
    this.#forgetSignals?.();
    // Handlers that finish may still make calls: clients go last.
    await Promise.all([...this.#servers].map((server) => server.close({ drainMs })));
    for (const channel of this.#channels) channel.close();
    await this.#agent?.[Symbol.asyncDispose]();
    this.#agentTransport?.close("now");
  }

  #channel(text: string, own: ClientOptions): Channel {
    this.#refuseWhenClosed();
    const target = parseTarget(text);
    if (target.scheme === "heddle" && this.#agent === undefined && !this.#resolvesHeddle) {
      throw new HeddleError("targetInvalid", {
        target: target.text,
        reason: "this mesh has no registry, so the client needs a target with an address",
      });
    }
    const isShared = Object.keys(own).length === 0;
    const known = isShared ? this.#shared.get(target.text) : undefined;
    if (known !== undefined) return known;
    const channel = new Channel({
      target,
      resolver: this.#resolvers.find(target),
      runtime: this.#runtime,
      options: { ...this.#options.client, ...own },
    });
    if (isShared) this.#shared.set(target.text, channel);
    this.#channels.add(channel);
    return channel;
  }

  #refuseWhenClosed(): void {
    if (this.#closing !== undefined) throw new HeddleError("closed", { what: "the mesh" });
  }

  /** Says once that the registry is gone, and once that it is back, however many watches notice. */
  #onAgentEvent(event: DiscoveryEvent, registry: string): void {
    if ((event.kind === "disconnected" || event.kind === "unregistered") && !this.#registryLost) {
      this.#registryLost = true;
      const { rawMessage, hint } = registryError(registry, event.error);
      this.#warn(`${rawMessage}; known instances stay in use; ${hint}`);
    } else if (event.kind === "refused") {
      this.#warn(`${event.error.rawMessage}; ${event.error.hint}`);
    } else if ((event.kind === "connected" || event.kind === "registered") && this.#registryLost) {
      this.#registryLost = false;
      this.#warn(`registry ${registry} answers again`);
    } else if (event.kind === "last-good") {
      this.#warn(
        `registry ${registry} does not answer: ${event.target} starts with ${event.count} instances saved ${Math.round(event.ageMs / 1000)} s ago`,
      );
    }
  }

  #warn(message: string): void {
    const { onWarning = (text: string) => process.stderr.write(`heddle: ${text}\n`) } = this.#options;
    onWarning(message);
  }
}

/** A snapshot of tens of thousands of instances is one message. */
const REGISTRY_MESSAGE_BYTES = 64 * 1024 * 1024;
