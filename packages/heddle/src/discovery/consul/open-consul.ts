/** `consul://`: Consul's agents, over HTTP. */
import { readFile } from "node:fs/promises";
import { assembleRegistry } from "../assemble-registry.ts";
import { createRegistryHttp } from "../http/registry-http.ts";
import type { OpenRegistry } from "../registry-client.ts";
import { createAgentPulse } from "./agent-pulse.ts";
import { createConsulHolder } from "./consul-holder.ts";
import { type ConsulOptions, readConsulOptions } from "./consul-options.ts";
import { createConsulSource } from "./consul-source.ts";

export const openConsul: OpenRegistry = (context) => {
  const { runtime, incarnation, url } = context;
  const options = readConsulOptions(context);
  const { hosts, basePath, tls, token, query, registration, timeoutMs } = options;
  const http = () =>
    createRegistryHttp({
      hosts,
      basePath,
      tls,
      runtime,
      timeoutMs,
      nextOnServerError: false,
      headers: () => tokenHeader(token),
    });
  // Two clients, so that a watch that moves to another agent doesn't take the registrations along.
  const [reading, writing] = [http(), http()];
  const pulse = createAgentPulse({
    http: reading,
    timers: runtime.timers,
    probeMs: query.probeMs,
    timeoutMs,
  });
  const source = createConsulSource({ http: reading, pulse, query, timeoutMs, runtime, registry: url.text });
  const holder = createConsulHolder({ http: writing, registration, incarnation, timeoutMs, runtime });
  return assembleRegistry(context, {
    source,
    holder,
    async close() {
      await Promise.all([reading.close(), writing.close()]);
    },
  });
};

async function tokenHeader(token: ConsulOptions["token"]): Promise<Record<string, string>> {
  if (token === undefined) return {};
  const text = "text" in token ? token.text : (await readFile(token.file, "utf8")).trim();
  return { "x-consul-token": text };
}
