/** `heddle ps`: what the registry knows. */
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createTransport } from "../client/transport.ts";
import { DEFAULT_REGISTRY_ADDRESS } from "../discovery/registry-address.ts";
import { hostsOf, parseRegistryUrl, readRegistryOptions } from "../discovery/registry-url.ts";
import { registryError } from "../discovery/registry-error.ts";
import {
  type Instance,
  InstanceHealth,
  InstanceOrigin,
  RegistryService,
} from "../gen/heddle/registry/v1/registry_pb.ts";

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
  registry = process.env["HEDDLE_REGISTRY"] || DEFAULT_REGISTRY_ADDRESS,
  json = false,
  zone = "",
  version = "",
  contract = "",
  label = [],
  healthy = false,
}: PsOptions): Promise<number> {
  const url = parseRegistryUrl(registry);
  if (url.scheme !== "heddle") {
    process.stderr.write(
      `heddle ps: it asks a control plane of Heddle, not ${url.scheme}://\n` +
        `next: name one with --registry host:port; what stands in ${url.scheme} is shown by its own tools\n`,
    );
    return 2;
  }
  const options = readRegistryOptions(url);
  const tls = options.tls();
  options.refuseOthers();
  const { ca, cert, key, serverName } = tls ?? {};
  const hosts = hostsOf(url, 4747, DEFAULT_REGISTRY_ADDRESS);
  await using transport = createTransport({
    target: `static:///${hosts.join(",")}`,
    waitForReadyMs: 1000,
    tls: tls !== undefined && {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(serverName === undefined ? {} : { serverName }),
    },
  });
  let instances: Instance[];
  try {
    ({ instances } = await createClient(RegistryService, transport).listInstances(
      {
        name: service,
        filter: { zone, version, contract, metadata: toMetadata(label), healthyOnly: healthy },
      },
      { timeoutMs: 3000 },
    ));
  } catch (error) {
    if (ConnectError.from(error).code !== Code.Unavailable) throw error;
    const { rawMessage, hint } = registryError(url.text, error);
    process.stderr.write(`heddle ps: ${rawMessage}\nnext: ${hint}\n`);
    return 3;
  }
  const rows = instances
    .map(({ id, service: name, address, contracts, version, zone, draining, health, origin }) => ({
      service: name,
      instance: id,
      address,
      contracts,
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
            rows.map((row) => [row.service, row.instance, row.address, row.state, row.contracts.join(",")]),
          ),
    );
  return 0;
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

function table(rows: readonly string[][]): string {
  const all = [["SERVICE", "INSTANCE", "ADDRESS", "STATE", "CONTRACTS"], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  return all
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
