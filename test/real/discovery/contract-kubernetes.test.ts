/** The contract of all registries as far as it is Heddle's to keep, with a kube-apiserver. */
import "../../kit/trap.ts";
import type { Endpoint } from "heddle/discovery";
import { keepsTheContract } from "../../kit/registries/contract/contract.ts";
import { type EndpointSlice, startKubernetes } from "../../kit/registries/kubernetes.ts";

const KUBERNETES_REGISTERS = "Kubernetes registers pods by itself; a process only shows that it is ready";
const ONE_SERVER = "clients know one address, that of the load balancer";
const MAX_IN_SLICE = 1_000;

keepsTheContract({
  name: "Kubernetes",
  bounds: {
    // What a frozen server is found within: nothing is leased.
    leaseMs: 2_000,
    changeMs: 5_000,
    goneMs: 10_000,
    noticedMs: 8_000,
    mendedMs: 20_000,
    latencyChanges: 100,
  },
  leftOut: {
    renewal: KUBERNETES_REGISTERS,
    expiry: KUBERNETES_REGISTERS,
    "killed instance": KUBERNETES_REGISTERS,
    incarnations: KUBERNETES_REGISTERS,
    "lost answer": KUBERNETES_REGISTERS,
    "one node silent": ONE_SERVER,
    "one node left": ONE_SERVER,
  },
  loses: {
    metadata: "a slice has no place for an instance's own",
    draining: "who is the last is not left to drain (tested with the adapter)",
  },
  async start() {
    const server = await startKubernetes();
    /** Service → how many slices it has. */
    const slices = new Map<string, number>();
    return {
      ...server,
      url: ({ hosts = server.nodes.map(({ address }) => address) } = {}) =>
        `kubernetes://${hosts.join(",")}?kubeconfig=${server.kubeconfig}&probeMs=500`,
      async publish(service, endpoints) {
        const wanted =
          endpoints.length < 100
            ? endpoints.map((endpoint) => [endpoint])
            : Array.from({ length: Math.ceil(endpoints.length / MAX_IN_SLICE) }, (_, n) =>
                endpoints.slice(n * MAX_IN_SLICE, (n + 1) * MAX_IN_SLICE),
              );
        const had = slices.get(service) ?? 0;
        slices.set(service, wanted.length);
        for (let n = 0; n < Math.max(had, wanted.length); n++)
          await server.applySlice(sliceOf(service, n, wanted[n] ?? []));
      },
      async forgetHistory() {
        await server.etcd.compact();
        // It answers from memory, which also forgets.
        await Promise.all(server.nodes.map((node) => node.restart()));
      },
    };
  },
});

/** What is said of a slice as a whole is that of its first endpoint. */
function sliceOf(service: string, n: number, endpoints: readonly Endpoint[]): EndpointSlice {
  const [first] = endpoints;
  return {
    name: `${service}-${n}`,
    service,
    ports: [{ name: "grpc", port: 4001 }],
    labels: {
      ...(first?.version === undefined ? {} : { "app.kubernetes.io/version": first.version }),
      ...Object.fromEntries(first?.contracts.map((name) => [`contract.heddle.dev/${name}`, ""]) ?? []),
    },
    annotations: {
      "heddle.dev/weight": String(first?.weight ?? 1),
      ...(first?.tls === undefined ? {} : { "heddle.dev/tls": String(first.tls) }),
      ...(first === undefined || first.protocols.length === 0
        ? {}
        : { "heddle.dev/protocols": first.protocols.join(",") }),
    },
    endpoints: endpoints.map(({ id, address, otherAddresses, zone }) => ({
      addresses: [address, ...otherAddresses].map((each) => each.slice(0, each.lastIndexOf(":"))),
      targetRef: { kind: "Pod", name: id },
      ...(zone === undefined ? {} : { zone }),
    })),
  };
}
