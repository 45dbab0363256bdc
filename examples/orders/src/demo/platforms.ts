/**
 * The registries that a platform writes, and no service: Kubernetes, a DNS zone, a control plane of Envoy's kind. Here
 * the demo is the platform. It knows which processes run, as a kubelet does, and writes that down in the form
 * that the registry has for it.
 */
import { type DnsRecords, type DnsServer, DNS_SUFFIX } from "../../../../test/kit/registries/dnsmasq.ts";
import type { KubernetesServer } from "../../../../test/kit/registries/kubernetes.ts";
import {
  xdsCluster,
  xdsEndpoints,
  xdsListener,
  xdsRoutes,
  type XdsServer,
} from "../../../../test/kit/registries/xds.ts";
import type { Publish } from "./registry.ts";
import type { RunningInstance } from "./services.ts";

/** A slice for each instance: a slice says one port for all its endpoints, and here each process has its own. */
export function publishToKubernetes(server: KubernetesServer): Publish {
  let published: readonly RunningInstance[] = [];
  return async (running) => {
    const gone = published.filter(({ name }) => !running.some((instance) => instance.name === name));
    published = running;
    await Promise.all([
      ...gone.map(({ name }) => server.deleteSlice(name)),
      ...running.map((instance) => {
        const { name, service, contract } = instance;
        const { host, port } = placeOf(instance);
        return server.applySlice({
          name,
          service,
          labels: { [`contract.heddle.dev/${contract}`]: "" },
          ports: [{ name: "grpc", port, appProtocol: "kubernetes.io/h2c" }],
          endpoints: [{ addresses: [host], targetRef: { kind: "Pod", name } }],
        });
      }),
    ]);
  };
}

/** An SRV record for each instance under its contract, and an address for each. */
export function publishToDns(server: DnsServer): Publish {
  return (running) => server.setRecords(recordsOf(running));
}

function recordsOf(running: readonly RunningInstance[]): DnsRecords {
  const addresses: Record<string, string[]> = {};
  const services: Record<string, { host: string; port: number }[]> = {};
  for (const instance of running) {
    const { host, port } = placeOf(instance);
    const name = `${instance.name}.${DNS_SUFFIX}`;
    addresses[name] = [host];
    (services[`_grpc._tcp.${instance.contract}.${DNS_SUFFIX}`] ??= []).push({ host: name, port });
  }
  return { addresses, services };
}

/** A listener, a route, a cluster and its endpoints for each contract. */
export function publishToXds(server: XdsServer): Publish {
  return async (running) => {
    const ports: Record<string, Record<number, number>> = {};
    for (const instance of running) (ports[instance.contract] ??= {})[placeOf(instance).port] = 1;
    await server.serve(
      Object.entries(ports).flatMap(([contract, weights]) => [
        xdsListener(contract, contract),
        xdsRoutes(contract, { [contract]: 1 }),
        xdsCluster(contract),
        xdsEndpoints(contract, "here", weights),
      ]),
    );
  };
}

function placeOf({ address }: RunningInstance): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}
