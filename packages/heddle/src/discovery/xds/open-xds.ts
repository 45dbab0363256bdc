/**
 * `xds://host:port`: instances that a control plane of Envoy's kind tells of, over an aggregated stream (ADS). It registers nothing:
 * whoever feeds the control plane does. Guide: docs/guides/discovery/xds.md.
 */
import { assembleRegistry } from "../assemble-registry.ts";
import type { OpenRegistry } from "../registry-client.ts";
import { readRegistryOptions } from "../registry-url.ts";
import { createAdsClient } from "./ads-client.ts";
import { readBootstrap } from "./bootstrap.ts";
import { createXdsSource } from "./xds-source.ts";

export const openXds: OpenRegistry = (context) => {
  const { url, runtime, onWarning, openTransport } = context;
  const options = readRegistryOptions(url);
  const { hosts, tls, node, listenerTemplate } = readBootstrap(context, options);
  const variant = options.oneOf("variant", ["sotw", "delta"], "sotw");
  options.refuseOthers();

  const transport = openTransport({ hosts, tls });
  const client = createAdsClient({ transport, node, variant, runtime, onWarning });
  const source = createXdsSource({
    client,
    listenerOf: (name) => listenerTemplate.replaceAll("%s", () => name),
    runtime,
  });
  return assembleRegistry(context, {
    source,
    close() {
      client[Symbol.dispose]();
      transport.close("now");
    },
  });
};
