/** `eureka://`: Netflix's Eureka, over HTTP and JSON. */
import { assembleRegistry } from "../assemble-registry.ts";
import { createRegistryHttp } from "../http/registry-http.ts";
import type { OpenRegistry } from "../registry-client.ts";
import { createEurekaHolder } from "./eureka-holder.ts";
import { readEurekaOptions } from "./eureka-options.ts";
import { createEurekaSource } from "./eureka-source.ts";
import { createRegistryCache } from "./registry-cache.ts";

export const openEureka: OpenRegistry = (context) => {
  const { runtime, incarnation, url } = context;
  const { hosts, basePath, tls, authorization, reading, registration, timeoutMs } =
    readEurekaOptions(context);
  const http = createRegistryHttp({
    hosts,
    basePath,
    tls,
    runtime,
    timeoutMs,
    headers: () => (authorization === undefined ? {} : { authorization }),
  });
  const hasCredentials = authorization !== undefined;
  const cache = createRegistryCache({ http, reading, runtime, hasCredentials, registry: url.text });
  // A poll comes 1.1 periods after the one before, and may try every server twice: for the delta, then for all.
  const silenceMs = reading.pollMs * 1.5 + 2 * hosts.length * timeoutMs;
  return assembleRegistry(context, {
    source: createEurekaSource({ cache, timers: runtime.timers, silenceMs }),
    holder: createEurekaHolder({ http, registration, incarnation, runtime }),
    close: () => http.close(),
  });
};
