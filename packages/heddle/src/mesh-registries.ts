/**
 * The registries of a mesh: the one that its own names are looked up and registered in (or several, put together), and
 * those that targets of its clients name. Each is opened once and closed with the mesh.
 */
import { HeddleError } from "./call/errors.ts";
import { oneLine } from "./call/one-line.ts";
import { fallbackOf, unionOf } from "./discovery/compose/compose-resolvers.ts";
import { registrarOf } from "./discovery/compose/compose-registrars.ts";
import type { ContractLedger } from "./discovery/contract-ledger.ts";
import type { DiscoveryEvent } from "./discovery/discovery-event.ts";
import type { Registrar } from "./discovery/registrar.ts";
import type { RegistryChoice } from "./discovery/compose/registry-choice.ts";
import type { RegistryClient } from "./discovery/registry-client.ts";
import { registryError } from "./discovery/registry-error.ts";
import { parseRegistryUrl } from "./discovery/registry-url.ts";
import type { Resolver } from "./discovery/resolver.ts";
import type { TelemetrySink } from "./discovery/telemetry-sink.ts";
import type { WatchStatus } from "./discovery/watch-status.ts";
import { openMeshRegistry, REGISTRY_SCHEMES } from "./registries.ts";
import type { Runtime } from "./runtime/runtime.ts";

export interface MeshRegistriesOptions {
  readonly stateFolder: string | false | undefined;
  readonly runtime: Runtime;
  readonly warn: (message: string) => void;
}

export class MeshRegistries implements AsyncDisposable {
  readonly #options: MeshRegistriesOptions;
  /** By URL. */
  readonly #opened = new Map<string, Promise<RegistryClient>>();
  readonly #clients = new Set<RegistryClient>();
  readonly #incarnation: bigint;
  #main: { readonly resolver: Resolver; readonly registrar: Registrar | undefined } | undefined;
  #ledgers: readonly ContractLedger[] = [];
  #sinks: readonly TelemetrySink[] = [];
  /** Of the one registry that is configured: a target of that scheme without an authority means it, too. */
  #mainScheme: string | undefined;

  private constructor(options: MeshRegistriesOptions) {
    this.#options = { ...options, warn: (message) => options.warn(oneLine(message)) };
    this.#incarnation = BigInt(Math.floor(options.runtime.clock.wallMs()));
  }

  /** Throws `optionInvalid` for a URL that can't be used. Connects to nothing yet. */
  static async open(choice: RegistryChoice | false, options: MeshRegistriesOptions): Promise<MeshRegistries> {
    const registries = new MeshRegistries(options);
    await registries.#openMain(choice);
    return registries;
  }

  /** Where the mesh registers what it serves; undefined when there is no registry, or one that others write. */
  get registrar(): Registrar | undefined {
    return this.#main?.registrar;
  }

  /** Where the mesh says what it answers and uses: those of its registries that have a place for it. */
  get ledgers(): readonly ContractLedger[] {
    return this.#ledgers;
  }

  /**
   * Where the mesh says what it measures: the first of its registries that has a place for it, or the control plane that
   * is named. Throws `optionInvalid` for what is no address of one.
   */
  async sinkOf({ controlPlane }: { readonly controlPlane?: string }): Promise<TelemetrySink | undefined> {
    if (controlPlane === undefined) return this.#sinks[0];
    const { telemetry } = await this.#open(controlPlane);
    if (telemetry !== undefined) return telemetry;
    const reason = `${parseRegistryUrl(controlPlane).text} is no control plane of Heddle`;
    throw new HeddleError("optionInvalid", { option: "telemetry.controlPlane", reason });
  }

  /** Whether there is a registry for names without an authority, such as `heddle:///orders`. */
  get isConfigured(): boolean {
    return this.#main !== undefined;
  }

  /** One for each kind of registry. */
  get resolvers(): readonly Resolver[] {
    return REGISTRY_SCHEMES.map((scheme) => this.#resolver(scheme));
  }

  /** What is followed in each of them. */
  describe(): readonly WatchStatus[] {
    return [...this.#clients].flatMap(({ resolver }) => resolver.describe?.() ?? []);
  }

  /** Deregisters and closes. Never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await Promise.allSettled(this.#opened.values());
    await Promise.all(
      opened
        .filter((result) => result.status === "fulfilled")
        .map(({ value }) => value[Symbol.asyncDispose]()),
    );
  }

  async #openMain(choice: RegistryChoice | false): Promise<void> {
    if (choice === false) return;
    const urls = typeof choice === "string" ? [choice] : "union" in choice ? choice.union : choice.fallback;
    if (urls.length === 0)
      throw new HeddleError("optionInvalid", { option: "registry", reason: "there is no URL in it" });
    const clients = await Promise.all(urls.map((url) => this.#open(url)));
    this.#ledgers = clients.flatMap(({ contracts }) => contracts ?? []);
    this.#sinks = clients.flatMap(({ telemetry }) => telemetry ?? []);
    const [only] = clients;
    if (clients.length === 1 && only !== undefined) {
      this.#main = { resolver: only.resolver, registrar: only.registrar };
      this.#mainScheme = parseRegistryUrl(urls[0] as string).scheme;
      return;
    }
    const compose = typeof choice !== "string" && "union" in choice ? unionOf : fallbackOf;
    const registrars = clients.flatMap(({ registrar }) => registrar ?? []);
    this.#main = {
      resolver: compose(
        clients.map(({ resolver }) => resolver),
        { scheme: "heddle", timers: this.#options.runtime.timers },
      ),
      registrar: registrars.length === 0 ? undefined : registrarOf(registrars),
    };
  }

  #open(url: string): Promise<RegistryClient> {
    const known = this.#opened.get(url);
    if (known !== undefined) return known;
    const { runtime, stateFolder, warn } = this.#options;
    const opening = openMeshRegistry(url, {
      runtime,
      incarnation: this.#incarnation,
      onEvent: teller(parseRegistryUrl(url).text, warn),
      onWarning: (message) => warn(message),
      ...(stateFolder === undefined ? {} : { stateFolder }),
    });
    this.#opened.set(url, opening);
    opening.then(
      (client) => this.#clients.add(client),
      () => {},
    );
    return opening;
  }

  /** Of targets such as `etcd://10.0.0.1:2379/orders`: the registry at their authority, or the mesh's own. */
  #resolver(scheme: string): Resolver {
    const registryOf = async (authority: string) => {
      const meansOwn = authority === "" && (scheme === "heddle" || scheme === this.#mainScheme);
      return (meansOwn ? this.#main : undefined) ?? this.#open(`${scheme}://${authority}`);
    };
    return {
      scheme,
      async *watch(target, signal) {
        const { resolver } = await registryOf(target.authority);
        yield* resolver.watch(target, signal);
      },
    };
  }
}

/** Says once that a registry is gone, and once that it is back, however many watches notice. */
function teller(registry: string, warn: (message: string) => void): (event: DiscoveryEvent) => void {
  let lost = false;
  return (event) => {
    switch (event.kind) {
      case "disconnected":
      case "unregistered": {
        if (lost) return;
        lost = true;
        const { rawMessage, hint } = registryError(registry, event.error);
        return warn(`${rawMessage}; known instances stay in use; ${hint}`);
      }
      case "connected":
      case "registered":
        if (!lost) return;
        lost = false;
        return warn(`registry ${registry} answers again`);
      case "refused":
        return warn(`${event.error.rawMessage}; ${event.error.hint}`);
      case "shrink-held":
        return warn(
          `registry ${registry} took ${event.held} of ${event.of} instances of ${event.target} away at once; they stay in use until it says so again`,
        );
      case "last-good":
        return warn(
          `registry ${registry} does not say (yet) what it knows: ${event.target} starts with ${event.count} instances saved ${Math.round(event.ageMs / 1000)} s ago`,
        );
    }
  };
}
