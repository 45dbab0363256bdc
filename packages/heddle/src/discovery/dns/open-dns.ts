/**
 * Instances that DNS knows: `dns:///orders.internal:8080` by addresses, `dns://127.0.0.1:5353/svc.test` by SRV records under a
 * suffix. DNS tells no news and can be asked only so often, so changes take as long as the interval. It is not registered
 * in: that is the job of whoever runs the zone. Guide: docs/guides/discovery/dns.md.
 */
import { invalidOption } from "../../call/check-option.ts";
import { assembleRegistry } from "../assemble-registry.ts";
import type { OpenRegistry } from "../registry-client.ts";
import { readRegistryOptions } from "../registry-url.ts";
import { createDnsLookup } from "./dns-lookup.ts";
import { isSrvForm, SRV_FORMS } from "./dns-question.ts";
import { createDnsSource, isServerAddress } from "./dns-source.ts";

export const openDns: OpenRegistry = (context) => {
  const { url, runtime } = context;
  const options = readRegistryOptions(url);
  const srv = options.text("srv", "on");
  const family = options.oneOf("family", ["any", "ipv4", "ipv6"], "any");
  const minIntervalMs = options.number("minIntervalMs", 5_000, 100);
  const maxIntervalMs = options.number("maxIntervalMs", 60_000, minIntervalMs);
  const timeoutMs = options.number("timeoutMs", 2_000, 10);
  options.refuseOthers();
  if (!isSrvForm(srv)) throw invalidOption("registry (dns: srv)", `it must be ${SRV_FORMS}`);
  const wrong = url.hosts.find((host) => !isServerAddress(host));
  if (wrong !== undefined)
    throw invalidOption(
      "registry",
      `the DNS server "${wrong}" must be an IP address, with or without a port`,
    );

  const source = createDnsSource({
    lookup: createDnsLookup({ timeoutMs, runtime }),
    servers: url.hosts,
    suffix: url.path.replace(/^\.|\.$/g, ""),
    srv,
    family,
    minIntervalMs,
    maxIntervalMs,
    timeoutMs,
    runtime,
  });
  return assembleRegistry(context, { source });
};
