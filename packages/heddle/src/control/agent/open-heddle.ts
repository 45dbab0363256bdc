/**
 * `heddle://host:port,host:port`, or `host:port` alone: Heddle's own registry, the control plane. The agent in every process
 * registers what the process serves and resolves what it calls. Several control planes over one store are equal; it
 * uses whichever answers.
 */
import { createClient } from "@connectrpc/connect";
import { assembleRegistry } from "../../discovery/assemble-registry.ts";
import { DEFAULT_REGISTRY_ADDRESS } from "../../discovery/registry-address.ts";
import type { OpenRegistry } from "../../discovery/registry-client.ts";
import { readRegistryOptions, type RegistryUrl } from "../../discovery/registry-url.ts";
import { ContractService } from "../../gen/heddle/contract/v1/contract_pb.ts";
import { RegistryService } from "../../gen/heddle/registry/v1/registry_pb.ts";
import { TelemetryService } from "../../gen/heddle/telemetry/v1/telemetry_pb.ts";
import { createHeddleHolder } from "./heddle-holder.ts";
import { createHeddleLedger } from "./heddle-ledger.ts";
import { createHeddleSource } from "./heddle-source.ts";
import { createHeddleTelemetry } from "./heddle-telemetry.ts";

export const openHeddle: OpenRegistry = (context) => {
  const { url, runtime, incarnation, openTransport } = context;
  const options = readRegistryOptions(url);
  const tls = options.tls();
  options.refuseOthers();
  const transport = openTransport({ hosts: addressesOf(url), tls });
  const client = createClient(RegistryService, transport);
  return assembleRegistry(context, {
    source: createHeddleSource(client),
    holder: createHeddleHolder({ client, incarnation, timers: runtime.timers }),
    contracts: createHeddleLedger(createClient(ContractService, transport)),
    telemetry: createHeddleTelemetry(createClient(TelemetryService, transport), {
      origins: addressesOf(url).map((address) => `${tls === undefined ? "http" : "https"}://${address}`),
      tls,
    }),
    close: () => transport.close("now"),
  });
};

/** Any address will do, `memory:` and `unix:` too; a host without a port gets the usual one. */
function addressesOf({ hosts }: RegistryUrl): readonly string[] {
  if (hosts.length === 0) return [DEFAULT_REGISTRY_ADDRESS];
  const port = DEFAULT_REGISTRY_ADDRESS.slice(DEFAULT_REGISTRY_ADDRESS.lastIndexOf(":"));
  return hosts.map((host) => (host.includes(":") ? host : `${host}${port}`));
}
