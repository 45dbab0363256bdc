/** The processes of the order system: started together, one of them killed and started again, ended in order. */
import type { CallTally } from "../call-tally.ts";
import { type Child, startChild } from "./child.ts";

/** In the order in which they end: callers before those whom they call. */
export const SERVICES = ["order", "inventory", "payment", "notification"] as const;

export interface System extends AsyncDisposable {
  /** Address of the registry. */
  readonly registry: string;
  /** How many processes run, the control plane included. */
  readonly processes: number;
  /** Address of an instance; a killed one keeps its last. */
  addressOf(instance: string): string;
  kill(instance: string): void;
  /** Resolves when the registry no longer has the instance. */
  dropped(instance: string): Promise<void>;
  /** Starts it again under its old name; resolves when it is registered. */
  restart(instance: string): Promise<void>;
  /** Whom the order instances called. */
  tallies(): Promise<CallTally[]>;
}

export interface SystemOptions {
  /** Where the databases are. */
  readonly folder: string;
  readonly instancesPerService: number;
  /** A process ended by itself. */
  readonly onCrash: (name: string, output: string) => void;
}

/** Resolves when every instance is registered; when that fails, nothing is left running. */
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

class RunningSystem implements System {
  registry = "";
  readonly #options: SystemOptions;
  readonly #services = new Map<string, Child>();
  readonly #addresses = new Map<string, string>();
  #control: Child | undefined;
  #registered: readonly string[] = [];
  readonly #onRegistered = new Set<() => void>();

  constructor(options: SystemOptions) {
    this.#options = options;
  }

  get processes(): number {
    return this.#services.size + 1;
  }

  async start(): Promise<void> {
    const { onCrash, folder, instancesPerService } = this.#options;
    this.#control = startChild({
      name: "control-plane",
      file: "control-plane.ts",
      env: { SHOP_DATA: folder },
      onCrash,
      onMessage: (message) => {
        if (message.kind !== "instances") return;
        this.#registered = message.ids;
        for (const look of this.#onRegistered) look();
      },
    });
    this.registry = (await this.#control.next("ready")).address;
    const numbers = Array.from({ length: instancesPerService }, (_, index) => index + 1);
    await Promise.all(
      SERVICES.flatMap((service) => numbers.map((number) => this.restart(`${service}-${number}`))),
    );
  }

  addressOf(instance: string): string {
    return this.#addresses.get(instance) ?? "";
  }

  kill(instance: string): void {
    this.#services.get(instance)?.kill();
  }

  dropped(instance: string): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.#registered.includes(instance)) return;
        this.#onRegistered.delete(look);
        resolve();
      };
      this.#onRegistered.add(look);
      look();
    });
  }

  async restart(instance: string): Promise<void> {
    const { onCrash, folder } = this.#options;
    const child = startChild({
      name: instance,
      file: `${instance.replace(/-\d+$/, "")}.ts`,
      env: {
        HEDDLE_REGISTRY: this.registry,
        HEDDLE_INSTANCE: instance,
        HEDDLE_STATE_DIR: folder,
        SHOP_DATA: folder,
      },
      onCrash,
    });
    this.#services.set(instance, child);
    const { address } = await child.next("ready");
    this.#addresses.set(instance, address);
  }

  tallies(): Promise<CallTally[]> {
    return Promise.all(
      this.#named("order").map(async (child) => {
        const answer = child.next("tally");
        child.ask();
        return (await answer).tally;
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await releaseAll(this.#named(SERVICES[0]));
    await releaseAll([...this.#services.values()]);
    await this.#control?.release();
  }

  #named(service: string): Child[] {
    return [...this.#services.values()].filter(({ name }) => name.startsWith(`${service}-`));
  }
}

async function releaseAll(children: readonly Child[]): Promise<void> {
  await Promise.all(children.map((child) => child.release()));
}
