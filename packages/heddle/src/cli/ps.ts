/** `heddle ps`: what the registry knows. */
import { createClient } from "@connectrpc/connect";
import {
  type Instance,
  InstanceHealth,
  InstanceOrigin,
  RegistryService,
} from "../gen/heddle/registry/v1/registry_pb.ts";
import { CONTRACT_HASH_KEY } from "../discovery/contract-hash.ts";
import { table } from "./table.ts";
import { withControlPlane } from "./with-control-plane.ts";

export interface PsOptions {
  readonly service?: string | undefined;
  readonly registry?: string | undefined;
  readonly json?: boolean | undefined;
  readonly zone?: string | undefined;
  readonly version?: string | undefined;
  readonly contract?: string | undefined;
  /** `name=value` each. */
  readonly label?: readonly string[] | undefined;
  /** Neither unhealthy nor draining. */
  readonly healthy?: boolean | undefined;
}

export async function ps({
  service = "",
  registry,
  json = false,
  zone = "",
  version = "",
  contract = "",
  label = [],
  healthy = false,
}: PsOptions): Promise<number> {
  return await withControlPlane("ps", registry, async (transport) => {
    const { instances } = await createClient(RegistryService, transport).listInstances(
      {
        name: service,
        filter: { zone, version, contract, metadata: toMetadata(label), healthyOnly: healthy },
      },
      { timeoutMs: 3000 },
    );
    print(instances, json);
    return 0;
  });
}

function print(instances: readonly Instance[], json: boolean): void {
  const rows = instances
    .map(({ id, service: name, address, contracts, version, zone, draining, health, origin, metadata }) => ({
      service: name,
      instance: id,
      address,
      contracts,
      ...(metadata[CONTRACT_HASH_KEY] === undefined ? {} : { contractHash: metadata[CONTRACT_HASH_KEY] }),
      version,
      zone,
      draining,
      state: stateOf({ draining, health, origin }),
    }))
    .sort((a, b) => (a.service + a.instance < b.service + b.instance ? -1 : 1));
  if (json) process.stdout.write(`${JSON.stringify({ instances: rows })}\n`);
  else
    process.stdout.write(
      rows.length === 0
        ? "no instances\n"
        : table(
            ["SERVICE", "INSTANCE", "ADDRESS", "STATE", "HASH", "CONTRACTS"],
            rows.map(({ service, instance, address, state, contractHash = "-", contracts }) => [
              service,
              instance,
              address,
              state,
              contractHash.slice(0, 8),
              contracts.join(","),
            ]),
          ),
    );
}

/** What somebody who looks for the reason of a failure wants to know first. */
function stateOf({ draining, health, origin }: Pick<Instance, "draining" | "health" | "origin">): string {
  if (draining) return "draining";
  if (health === InstanceHealth.UNHEALTHY) return "unhealthy";
  if (origin === InstanceOrigin.REMEMBERED) return "remembered";
  if (health === InstanceHealth.HEALTHY) return "healthy";
  return origin === InstanceOrigin.STATIC ? "static" : "ready";
}

function toMetadata(labels: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    labels.map((label) => [label.slice(0, label.indexOf("=")), label.slice(label.indexOf("=") + 1)]),
  );
}
