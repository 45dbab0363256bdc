/**
 * `heddle://host:port,host:port`, or `host:port` alone: Heddle's own registry, the control plane. The agent in every process
 * registers what the process serves and resolves what it calls. Several control planes over one store are equal; it
 * uses whichever answers.
 */
import { createClient } from "@connectrpc/connect";
import { createWatchLoop } from "../../discovery/follow/watch-loop.ts";
import { createRegistrationLoop } from "../../discovery/register/registration-loop.ts";
import { DEFAULT_REGISTRY_ADDRESS } from "../../discovery/registry-address.ts";
import type { OpenRegistry } from "../../discovery/registry-client.ts";
import { readRegistryOptions, type RegistryUrl } from "../../discovery/registry-url.ts";
import { RegistryService } from "../../gen/heddle/registry/v1/registry_pb.ts";
import { createHeddleHolder } from "./heddle-holder.ts";
import { createHeddleSource } from "./heddle-source.ts";

export const openHeddle: OpenRegistry = ({ url, runtime, incarnation, lastGood, onEvent, openTransport }) => {
  const options = readRegistryOptions(url);
  const tls = options.tls();
  options.refuseOthers();
  const transport = openTransport({ hosts: addressesOf(url), tls });
  const client = createClient(RegistryService, transport);
  const holder = createHeddleHolder({ client, incarnation, timers: runtime.timers });
  const registrar = createRegistrationLoop(holder, { runtime, onEvent });
  return {
    resolver: createWatchLoop(createHeddleSource(client), { runtime, onEvent, lastGood }),
    registrar,
    async [Symbol.asyncDispose]() {
      await registrar[Symbol.asyncDispose]();
      transport.close("now");
    },
  };
};

/** Any address will do, `memory:` and `unix:` too; a host without a port gets the usual one. */
function addressesOf({ hosts }: RegistryUrl): readonly string[] {
  if (hosts.length === 0) return [DEFAULT_REGISTRY_ADDRESS];
  const port = DEFAULT_REGISTRY_ADDRESS.slice(DEFAULT_REGISTRY_ADDRESS.lastIndexOf(":"));
  return hosts.map((host) => (host.includes(":") ? host : `${host}${port}`));
}
