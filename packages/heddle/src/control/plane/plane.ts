/**
 * The embedded control plane: what `heddle control` runs, and what tests start beside the services. In this version it
 * is the registry on an ordinary Heddle server; nothing in it is needed for calls that are already under way.
 */
import { randomUUID } from "node:crypto";
import { DEFAULT_REGISTRY_ADDRESS } from "../../discovery/registry-address.ts";
import { RegistryService } from "../../gen/heddle/registry/v1/registry_pb.ts";
import { type Runtime, systemRuntime } from "../../runtime/runtime.ts";
import { implement } from "../../server/implement.ts";
import { createServer } from "../../server/server.ts";
import { createRegistry, type RegistryOptions, type RegistryView } from "./registry.ts";
import { createRegistryService } from "./registry-service.ts";

export interface ControlPlaneOptions
  extends Pick<RegistryOptions, "leaseTtlMs" | "disconnectGraceMs" | "warmUpMs" | "limits"> {
  /** `host:port`; port 0 lets the system choose. Default 127.0.0.1:4747: this machine only. */
  readonly listen?: string;
  /** Time, timers and randomness. Default: the process's. */
  readonly runtime?: Runtime;
}

export interface ControlPlane extends AsyncDisposable {
  /** Where it listens, with the real port. */
  readonly address: string;
  /** For a look at what is registered, from the same process. */
  readonly registry: RegistryView;
  /** Ends all streams and stops listening. Agents keep what they know and look for the next control plane. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts listening. Rejects with the catalogue's `listenFailed`. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const { listen = DEFAULT_REGISTRY_ADDRESS, runtime = systemRuntime, ...registryOptions } = options;
  const registry = createRegistry({
    ...registryOptions,
    epoch: randomUUID(),
    startedAtMs: runtime.clock.now(),
  });
  const service = createRegistryService({ registry, clock: runtime.clock, timers: runtime.timers });
  try {
    const server = await createServer({
      services: [implement(RegistryService, service.implementation)],
      listen,
      runtime,
    });
    return {
      address: server.address,
      registry,
      async [Symbol.asyncDispose]() {
        service[Symbol.dispose]();
        await server.close({ drainMs: DRAIN_MS });
      },
    };
  } catch (error) {
    service[Symbol.dispose]();
    throw error;
  }
}

/** Streams are ended by the service at once; this is for the bytes still on their way. */
const DRAIN_MS = 200;
