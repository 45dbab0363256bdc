/**
 * Kubernetes as far as discovery sees it: the real kube-apiserver over an etcd of its own, without nodes and
 * controllers. What controllers would write, the EndpointSlices, tests write themselves, and they write them into that
 * etcd: the server refuses addresses of loopback, where everything in a test is, but serves what it finds.
 *
 * The clients that are tested are a service account that may do no more than `get, list, watch` EndpointSlices, and
 * they find its credentials as in a pod (`serviceAccountFolder`) or by the kubeconfig that the URL names.
 */
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createAuthority } from "../certificates.ts";
import { type EtcdServer, startEtcd } from "./etcd.ts";
import { freePort } from "../free-ports.ts";
import { builtProgram, serverFolder } from "./places.ts";
import { fetchJson } from "./probes.ts";
import { type RegistryServer, startNodes } from "./registry-server.ts";

export interface KubernetesServer extends RegistryServer {
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
  /** A file; its user has the service account's token from a file that may change. */
  readonly kubeconfig: string;
  /** `ca.crt`, `token` and `namespace`, as a pod has them. */
  readonly serviceAccountFolder: string;
  /** What the server keeps its state in; killed or frozen, it takes the server with it. */
  readonly etcd: EtcdServer;
  /** Creates a slice, or replaces the one of its name. Watchers see it as any other change. */
  applySlice(slice: EndpointSlice): Promise<void>;
  deleteSlice(name: string, namespace?: string): Promise<void>;
  /** Writes a new token to the files. The old one is still good. */
  rotateToken(): Promise<void>;
  /** Makes every token so far worthless, which the server may take 10 s to notice. The files still hold the last. */
  revokeTokens(): Promise<void>;
  /** Asks the server as one who may do everything. Rejects for any other status than 2xx. */
  admin<T>(method: string, path: string, body?: object): Promise<T>;
}

/** Of `discovery.k8s.io/v1`: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/ */
export interface EndpointSlice {
  readonly name: string;
  /** Default: `default`. Another one must have been created, by `admin`. */
  readonly namespace?: string;
  /** The service it belongs to. */
  readonly service: string;
  /** Default: IPv4. */
  readonly addressType?: "IPv4" | "IPv6" | "FQDN";
  readonly ports: readonly { readonly name?: string; readonly port: number; readonly appProtocol?: string }[];
  readonly endpoints: readonly SliceEndpoint[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Real slices have at most 1000. */
export interface SliceEndpoint {
  readonly addresses: readonly string[];
  /** Default: ready and serving. */
  readonly conditions?: {
    readonly ready?: boolean;
    readonly serving?: boolean;
    readonly terminating?: boolean;
  };
  readonly nodeName?: string;
  readonly zone?: string;
  readonly hints?: { readonly forZones?: readonly { readonly name: string }[] };
  readonly targetRef?: { readonly kind: string; readonly name: string; readonly uid?: string };
}

export async function startKubernetes(): Promise<KubernetesServer> {
  await using started = new AsyncDisposableStack();
  const etcd = await startEtcd();
  started.defer(() => etcd.stop());
  const folder = serverFolder("kubernetes");
  const file = (name: string) => join(folder.path, name);
  const address = `127.0.0.1:${await freePort()}`;
  const { ca, args } = prepare(file, address, etcd);
  const admin = <T>(method: string, path: string, body?: object) =>
    ask<T>({ address, ca, method, path, ...(body === undefined ? {} : { body }) });

  const nodes = await folder.holdFor(
    startNodes([
      {
        address,
        command: builtProgram("kube-apiserver"),
        args,
        log: file("kube-apiserver.log"),
        isReady: async () => (await admin<object>("GET", "/readyz?verbose")) !== undefined,
      },
    ]),
  );
  started.defer(() => folder.stop(nodes));

  const serviceAccountFolder = file("serviceaccount");
  const kubeconfig = file("kubeconfig");
  const tokenFile = join(serviceAccountFolder, "token");
  const account = {
    create: () => admin("POST", ACCOUNTS, { metadata: { name: ACCOUNT } }),
    delete: () => admin("DELETE", `${ACCOUNTS}/${ACCOUNT}`),
    async writeToken() {
      const { status } = await admin<{ status: { token: string } }>("POST", `${ACCOUNTS}/${ACCOUNT}/token`, {
        spec: { expirationSeconds: 24 * 3600 },
      });
      // In one step, as the kubelet does: a reader sees the old token or the new one.
      writeFileSync(`${tokenFile}.new`, status.token);
      renameSync(`${tokenFile}.new`, tokenFile);
    },
  };
  await account.create();
  await admin("POST", `${RBAC}/clusterroles`, {
    metadata: { name: ACCOUNT },
    rules: [
      { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
    ],
  });
  await admin("POST", `${RBAC}/clusterrolebindings`, {
    metadata: { name: ACCOUNT },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: ACCOUNT },
    subjects: [{ kind: "ServiceAccount", name: ACCOUNT, namespace: "default" }],
  });
  mkdirSync(serviceAccountFolder);
  writeFileSync(join(serviceAccountFolder, "ca.crt"), ca);
  writeFileSync(join(serviceAccountFolder, "namespace"), "default");
  writeFileSync(kubeconfig, kubeconfigOf(address, ca, tokenFile));
  await account.writeToken();

  /** Path → its identity, which a slice keeps until it is deleted. */
  const uids = new Map<string, string>();
  const owned = started.move();
  return {
    url: `kubernetes://${address}?kubeconfig=${kubeconfig}`,
    nodes,
    ca,
    kubeconfig,
    serviceAccountFolder,
    etcd,
    admin,
    async applySlice(slice) {
      const { name, namespace = "default" } = slice;
      const path = pathOf(name, namespace);
      const uid = uids.get(path) ?? randomUUID();
      uids.set(path, uid);
      await fetchJson(`http://${etcd.nodes[0]?.address}/v3/kv/put`, {
        key: btoa(`/registry/endpointslices/${namespace}/${name}`),
        value: Buffer.from(JSON.stringify(objectOf(slice, uid))).toString("base64"),
      });
    },
    async deleteSlice(name, namespace) {
      await admin("DELETE", pathOf(name, namespace));
      uids.delete(pathOf(name, namespace));
    },
    rotateToken: () => account.writeToken(),
    async revokeTokens() {
      await account.delete();
      await account.create();
    },
    stop: () => owned.disposeAsync(),
  };
}

const ACCOUNT = "reader";
const ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts";
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const ADMIN_TOKEN = "admin-of-this-test";

/** Writes the files that the server reads when it starts. */
function prepare(file: (name: string) => string, address: string, etcd: EtcdServer) {
  const authority = createAuthority("Kubernetes of a test");
  const leaf = authority.issue({ notAfter: new Date(Date.now() + 20 * 3600 * 1000) });
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(file("tls.crt"), leaf.cert);
  writeFileSync(file("tls.key"), leaf.key);
  writeFileSync(file("tokens.key"), privateKey.export({ type: "sec1", format: "pem" }));
  writeFileSync(file("users.csv"), `${ADMIN_TOKEN},admin,admin,system:masters\n`);
  const args = [
    `--etcd-servers=http://${etcd.nodes[0]?.address}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${address.split(":")[1]}`,
    `--tls-cert-file=${file("tls.crt")}`,
    `--tls-private-key-file=${file("tls.key")}`,
    `--token-auth-file=${file("users.csv")}`,
    "--authorization-mode=RBAC",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${file("tokens.key")}`,
    `--service-account-signing-key-file=${file("tokens.key")}`,
    "--service-cluster-ip-range=10.0.0.0/24",
    // It is not to announce itself as a service: its address is one of loopback.
    "--endpoint-reconciler-type=none",
  ];
  return { ca: authority.cert, args };
}

/** JSON, which is YAML. */
function kubeconfigOf(address: string, ca: string, tokenFile: string): string {
  const name = "test";
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [
      {
        name,
        cluster: { server: `https://${address}`, "certificate-authority-data": btoa(ca) },
      },
    ],
    users: [{ name, user: { tokenFile } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: "default" } }],
  });
}

function pathOf(name: string, namespace = "default"): string {
  return `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices/${name}`;
}

function objectOf(slice: EndpointSlice, uid: string): object {
  const { name, namespace = "default", service, addressType = "IPv4", ports, endpoints } = slice;
  const { labels, annotations = {} } = slice;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name,
      namespace,
      uid,
      creationTimestamp: new Date().toISOString(),
      labels: { "kubernetes.io/service-name": service, ...labels },
      annotations,
    },
    addressType,
    ports: ports.map((port) => ({ name: "", protocol: "TCP", ...port })),
    endpoints: endpoints.map((endpoint) => ({ conditions: { ready: true, serving: true }, ...endpoint })),
  };
}

interface Question {
  readonly address: string;
  readonly ca: string;
  readonly method: string;
  readonly path: string;
  readonly body?: object;
}

const DEADLINE_MS = 5000;

async function ask<T>({ address, ca, method, path, body }: Question): Promise<T> {
  const outgoing = request(`https://${address}${path}`, {
    method,
    ca,
    agent: false,
    headers: {
      authorization: `Bearer ${ADMIN_TOKEN}`,
      accept: "application/json",
      "content-type": "application/json",
    },
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  outgoing.on("error", reject);
  outgoing.on("response", (response) => {
    const isJson = response.headers["content-type"]?.startsWith("application/json") === true;
    text(response)
      .then((answer) => {
        const status = response.statusCode ?? 0;
        if (status < 200 || status > 299) throw new Error(`${method} ${path}: ${status} ${answer}`);
        resolve((isJson ? JSON.parse(answer) : answer) as T);
      })
      .catch(reject);
  });
  outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  return await promise;
}
