/**
 * The control plane's agent in every process: registers what the process serves, resolves what it calls, and keeps
 * both going without the control plane. It speaks through an ordinary Connect transport, which must reach
 * the control plane without asking this resolver.
 */
import { createClient, type Transport } from "@connectrpc/connect";
import type { DiscoveryEvent } from "../../discovery/discovery-event.ts";
import { createLastGoodStore } from "../../discovery/last-good.ts";
import type { Registrar } from "../../discovery/registrar.ts";
import { createRegistrationLoop } from "../../discovery/registration-loop.ts";
import { createWatchLoop, type WatchLoop } from "../../discovery/watch-loop.ts";
import { RegistryService } from "../../gen/heddle/registry/v1/registry_pb.ts";
import { type Runtime, systemRuntime } from "../../runtime/runtime.ts";
import { createHeddleHolder } from "./heddle-holder.ts";
import { createHeddleSource } from "./heddle-source.ts";

export interface AgentOptions {
  /** Leads to the control plane. The agent doesn't close it. */
  readonly transport: Transport;
  /** Name of the control plane, under which endpoints are saved: its address, such as "127.0.0.1:4747". */
  readonly registry: string;
  /**
   * Folder for the last good endpoints; default `defaultStateFolder()` (`$HEDDLE_STATE_DIR`, else the user's cache
   * folder). False: nothing is saved or read.
   */
  readonly stateFolder?: string | false;
  /** Default: the wall clock at this moment. Must grow from one start to the next where instance ids stay the same. */
  readonly incarnation?: bigint;
  /** What resolver and registrar go through, for logs and metrics. Default: ignored. */
  readonly onEvent?: (event: DiscoveryEvent) => void;
  /** Files of last good endpoints that can't be read or written. Default: ignored. */
  readonly onWarning?: (message: string, cause: unknown) => void;
  /** Time, timers and randomness. Default: the process's. */
  readonly runtime?: Runtime;
}

export interface Agent extends AsyncDisposable {
  readonly registrar: Registrar;
  /** For the scheme `heddle`. */
  readonly resolver: WatchLoop;
  /** Deregisters whatever is still registered, and writes what has not been saved. Never throws. */
  [Symbol.asyncDispose](): Promise<void>;
}

export function createAgent(options: AgentOptions): Agent {
  const {
    transport,
    registry,
    stateFolder,
    onEvent = () => {},
    onWarning,
    runtime = systemRuntime,
  } = options;
  const { clock, timers } = runtime;
  const incarnation = options.incarnation ?? BigInt(Math.floor(clock.wallMs()));
  const client = createClient(RegistryService, transport);
  const lastGood =
    stateFolder === false
      ? undefined
      : createLastGoodStore({
          registry,
          clock,
          timers,
          ...(stateFolder === undefined ? {} : { folder: stateFolder }),
          ...(onWarning ? { onWarning } : {}),
        });
  const registrar = createRegistrationLoop(createHeddleHolder({ client, incarnation, timers }), {
    runtime,
    onEvent,
  });

  return {
    resolver: createWatchLoop(createHeddleSource(client), { runtime, onEvent, lastGood }),
    registrar,
    async [Symbol.asyncDispose]() {
      await registrar[Symbol.asyncDispose]();
      await lastGood?.[Symbol.asyncDispose]();
    },
  };
}
