/**
 * The registry that a run of the demo uses: Heddle's own, a real server of another kind that is started for the run,
 * or one that runs already. Whichever it is, the services are told nothing but its URL.
 */
import { join } from "node:path";
import { ConnectError, openRegistry } from "heddle";
import { heddleTarget } from "heddle/discovery";
import { startChild } from "./child.ts";
import type { RunningInstance } from "./services.ts";

export interface DemoRegistry extends AsyncDisposable {
  /** `HEDDLE_REGISTRY` of every service. */
  readonly url: string;
  /** Whether it was started for this run. */
  readonly isOurs: boolean;
  /** How many processes were started for it. */
  readonly processes: number;
  /** Where services don't register themselves, whoever runs them says so here. */
  readonly publish?: Publish;
}

/** Says who runs: all of them, each time. Resolves when the registry has it. */
export type Publish = (running: readonly RunningInstance[]) => Promise<void>;

export interface DemoRegistryOptions {
  /** For files of its own. */
  readonly folder: string;
  /** Its process ended by itself. */
  readonly onCrash: (name: string, output: string) => void;
}

/** The kinds that can be started by their name. Those of `REAL` are programs of other people. */
const REAL = ["etcd", "consul", "zookeeper", "eureka", "kubernetes", "dns", "xds"] as const;
const KINDS = ["heddle", "file", ...REAL] as const;

export type RealKind = (typeof REAL)[number];

/** Where no service registers, so that these processes would be in nobody's list. */
const WRITTEN_BY_PLATFORM = /^(kubernetes|dns|xds):/;

/** What is wrong with a choice, as a sentence; undefined when it can be used. One that runs already is asked whether it answers. */
export async function faultOf(choice: string): Promise<string | undefined> {
  const [, platform] = WRITTEN_BY_PLATFORM.exec(choice) ?? [];
  if (platform !== undefined)
    return `services don't register in ${platform}://, and nobody else would say there that these run; try ${platform}`;
  if (KINDS.some((kind) => kind === choice)) return undefined;
  if (!/:\d+$|:\/\//.test(choice)) return `"${choice}" is neither a URL nor one of ${KINDS.join(", ")}`;
  try {
    await firstAnswer(choice);
    return undefined;
  } catch (error) {
    return ConnectError.from(error).rawMessage;
  }
}

/** Resolves when the registry at a URL says something, and rejects when it cannot be used or does not answer. */
async function firstAnswer(url: string): Promise<void> {
  const ending = new AbortController();
  let fault: unknown = new Error(`it has not answered within ${ANSWERS_WITHIN_MS / 1000} s`);
  await using registry = await openRegistry(url, {
    stateFolder: false,
    onEvent(event) {
      if (event.kind !== "disconnected") return;
      fault = event.error;
      ending.abort();
    },
  });
  // A folder is made by whoever registers first.
  if (url.startsWith("file:")) return;
  const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(ANSWERS_WITHIN_MS)]);
  for await (const _ of registry.resolver.watch(heddleTarget("order"), signal)) return;
  throw fault;
}

const ANSWERS_WITHIN_MS = 15_000;

/** `choice`: the kind to start, or the URL of one that runs. When it rejects, nothing is left running. */
export async function openDemoRegistry(choice: string, options: DemoRegistryOptions): Promise<DemoRegistry> {
  const { folder, onCrash } = options;
  const real = REAL.find((kind) => kind === choice);
  if (real !== undefined) return await (await import("./real-registries.ts")).startReal(real);
  if (choice === "file") {
    const url = `file://${join(folder, "registry")}?ttlMs=3000`;
    return { url, isOurs: true, processes: 0, [Symbol.asyncDispose]: async () => {} };
  }
  if (choice !== "heddle")
    return { url: choice, isOurs: false, processes: 0, [Symbol.asyncDispose]: async () => {} };

  const child = startChild({ name: "control-plane", file: "control-plane.ts", env: {}, onCrash });
  try {
    const { address } = await child.next("ready");
    return { url: address, isOurs: true, processes: 1, [Symbol.asyncDispose]: () => child.release() };
  } catch (error) {
    await child.release();
    throw error;
  }
}
