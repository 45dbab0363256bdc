/** The services of the order system: started together, one of them killed and started again, ended in order. */
import type { CallTally } from "../call-tally.ts";
import { type CallerView, openCallerView } from "./caller-view.ts";
import { type Child, startChild } from "./child.ts";
import type { DemoRegistry } from "./registry.ts";
import { instanceAt, type RunningInstance, type ServiceName, SERVICES, serviceOf } from "./services.ts";

export interface System extends AsyncDisposable {
  /** How many processes run, those of the registry included. */
  readonly processes: number;
  /** Address of an instance; a killed one keeps its last. */
  addressOf(name: string): string;
  /** Name of the instance that is or was at an address. Not every registry has a place for names. */
  nameAt(address: string): string | undefined;
  /** Ends it as a crash would. Resolves when it is gone. */
  kill(name: string): Promise<void>;
  /** Resolves when callers have heard that a killed instance is gone, or with false when they have not for long. */
  dropped(name: string): Promise<boolean>;
  /** Starts it again under its old name; resolves when callers hear of it. */
  restart(name: string): Promise<void>;
  /** Whom the order instances called. */
  tallies(): Promise<CallTally[]>;
}

export interface SystemOptions {
  readonly registry: DemoRegistry;
  /** Where the databases are. */
  readonly folder: string;
  readonly instancesPerService: number;
  /** A process ended by itself. */
  readonly onCrash: (name: string, output: string) => void;
}

/** Resolves when callers hear of every instance; when that fails, nothing is left running. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const system = new RunningSystem(options);
  try {
    await system.start();
  } catch (error) {
    await system[Symbol.asyncDispose]();
    throw error;
  }
  return system;
}

/** A registry that forgets the dead only after minutes has to live with the new instance beside the old one. */
const DROPPED_WITHIN_MS = 20_000;
/** Eureka as it is delivered may take a minute and a half. */
const HEARD_WITHIN_MS = 120_000;
/** So long a call waits for somebody to be there, by default. */
const CALLERS_WAIT_MS = 3_000;

class RunningSystem implements System {
  readonly #options: SystemOptions;
  #view: CallerView | undefined;
  readonly #services = new Map<string, Child>();
  /** By name; a killed one keeps its last address. */
  readonly #instances = new Map<string, RunningInstance>();
  readonly #names = new Map<string, string>();
  readonly #dead = new Set<string>();
  #published: Promise<void> = Promise.resolve();

  constructor(options: SystemOptions) {
    this.#options = options;
  }

  get processes(): number {
    return this.#services.size + this.#options.registry.processes;
  }

  async start(): Promise<void> {
    const numbers = Array.from({ length: this.#options.instancesPerService }, (_, index) => index + 1);
    const names = SERVICES.flatMap((service) => numbers.map((number) => `${service}-${number}`));
    await Promise.all(names.map((name) => this.#launch(name)));
    await this.#publish();
    this.#view = await this.#newcomer();
  }

  addressOf(name: string): string {
    return this.#instance(name).address;
  }

  nameAt(address: string): string | undefined {
    return this.#names.get(address);
  }

  async kill(name: string): Promise<void> {
    const child = this.#services.get(name);
    child?.kill();
    await child?.exited;
    this.#dead.add(name);
    await this.#publish();
  }

  async dropped(name: string): Promise<boolean> {
    return (await this.#view?.hearsNoMoreOf(this.#instance(name), DROPPED_WITHIN_MS)) === true;
  }

  async restart(name: string): Promise<void> {
    await this.#launch(name);
    await this.#publish();
    if (await this.#view?.hearsOf(this.#instance(name), HEARD_WITHIN_MS)) return;
    throw new Error(`the registry did not tell callers of ${name} within ${HEARD_WITHIN_MS / 1000} s`);
  }

  tallies(): Promise<CallTally[]> {
    return Promise.all(
      this.#of("order").map(async (child) => {
        const answer = child.next("tally");
        child.ask();
        return (await answer).tally;
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await releaseAll(this.#of(SERVICES[0]));
    await releaseAll([...this.#services.values()]);
    await this.#view?.[Symbol.asyncDispose]();
  }

  /** Resolves when the process serves and, where it registers itself, is registered. */
  async #launch(name: string): Promise<void> {
    const { onCrash, folder, registry } = this.#options;
    const child = startChild({
      name,
      file: `${serviceOf(name)}.ts`,
      env: {
        HEDDLE_REGISTRY: registry.url,
        HEDDLE_INSTANCE: name,
        HEDDLE_STATE_DIR: folder,
        HEDDLE_REFLECTION: "on",
        SHOP_DATA: folder,
      },
      onCrash,
    });
    this.#services.set(name, child);
    const { address } = await child.next("ready");
    this.#instances.set(name, instanceAt(name, address));
    this.#names.set(address, name);
    this.#dead.delete(name);
  }

  /** In the place of the platform, where there is one. One after the other, for the last must be the latest. */
  #publish(): Promise<void> {
    const { publish } = this.#options.registry;
    const write = () => publish?.([...this.#instances.values()].filter(({ name }) => !this.#dead.has(name)));
    this.#published = this.#published.then(write);
    return this.#published;
  }

  /** Resolves with the view of a caller that heard of everybody as soon as it came: some registries tell newcomers old news. */
  async #newcomer(): Promise<CallerView> {
    const giveUpAt = performance.now() + HEARD_WITHIN_MS;
    while (performance.now() < giveUpAt) {
      const view = await openCallerView(this.#options.registry.url);
      const heard = [...this.#instances.values()].map((one) => view.hearsOf(one, CALLERS_WAIT_MS));
      if ((await Promise.all(heard)).every(Boolean)) return view;
      await view[Symbol.asyncDispose]();
    }
    throw new Error(`the registry did not tell callers of every instance within ${HEARD_WITHIN_MS / 1000} s`);
  }

  #instance(name: string): RunningInstance {
    const instance = this.#instances.get(name);
    if (instance === undefined) throw new Error(`${name} has not run`);
    return instance;
  }

  #of(service: ServiceName): Child[] {
    return [...this.#services.values()].filter(({ name }) => serviceOf(name) === service);
  }
}

async function releaseAll(children: readonly Child[]): Promise<void> {
  await Promise.all(children.map((child) => child.release()));
}
