/**
 * Kubernetes as a registry: callers follow the EndpointSlices of Services, instances show that they are ready.
 *
 * `kubernetes://` finds the API server by itself, as kubectl and every pod do; `kubernetes://host:port` names it.
 * What it guarantees and which options there are: docs/guides/discovery/kubernetes.md.
 */
import { readFile } from "node:fs/promises";
import { invalidOption } from "../../call/check-option.ts";
import { reasonText } from "../../call/errors.ts";
import { assembleRegistry } from "../assemble-registry.ts";
import { basicAuthorization } from "../http/basic-authorization.ts";
import type { RegistryHttpTls } from "../http/registry-http.ts";
import type { RegistryClient, RegistryContext } from "../registry-client.ts";
import {
  hostsOf,
  type RegistryOptionsReader,
  type RegistryUrl,
  readRegistryOptions,
} from "../registry-url.ts";
import { type ClusterAccess, DEFAULT_NAMESPACE } from "./cluster-access.ts";
import { createHeartbeat } from "./heartbeat.ts";
import { isInCluster, openInClusterAccess, SERVICE_ACCOUNT_FOLDER } from "./in-cluster-access.ts";
import { kubeconfigFiles } from "./kubeconfig.ts";
import { openKubeconfigAccess } from "./kubeconfig-access.ts";
import { createKubernetesApi } from "./kubernetes-api.ts";
import { createKubernetesSource } from "./kubernetes-source.ts";
import { createReadinessHolder, type Readiness } from "./readiness.ts";

/** It is an `OpenRegistry`. */
export function openKubernetes(context: RegistryContext): KubernetesClient {
  const { url, runtime } = context;
  const options = readRegistryOptions(url);
  const namespace = options.optionalText("namespace");
  const port = options.optionalText("port");
  const probeMs = options.number("probeMs", 5_000, 100);
  const readinessFile = options.optionalText("readinessFile");
  const closing = new AbortController();
  const openAccess = chooseAccess(context, options, closing.signal);
  options.refuseOthers();

  const api = createKubernetesApi({
    address: url.text,
    runtime,
    openAccess: async () => {
      try {
        return await openAccess();
      } catch (error) {
        throw invalidOption("registry (kubernetes)", reasonText(error));
      }
    },
  });
  const heartbeat = createHeartbeat({ probe: (signal) => api.probe(signal), intervalMs: probeMs, runtime });
  // Two questions may go without an answer for as long as one takes to fail.
  const silenceMs = 2 * probeMs + 2_000;
  const source = createKubernetesSource({ api, heartbeat, silenceMs, namespace, port, runtime });
  const holder = createReadinessHolder({ file: readinessFile });
  const client = assembleRegistry(context, {
    source,
    holder,
    async close() {
      heartbeat[Symbol.dispose]();
      closing.abort();
      await api[Symbol.asyncDispose]();
    },
  });
  return { ...client, readiness: holder.readiness };
}

export interface KubernetesClient extends RegistryClient {
  readonly readiness: Readiness;
}

type Choice = () => Promise<ClusterAccess>;

/** Reads all options that say where the API server is and who we are, and looks at neither before it is asked. */
function chooseAccess(
  { url, env, runtime }: RegistryContext,
  options: RegistryOptionsReader,
  signal: AbortSignal,
): Choice {
  const kubeconfig = options.optionalText("kubeconfig");
  const chosenContext = options.optionalText("context");
  const serviceAccount = options.optionalText("serviceAccount");
  const own = ownAccess(url, options);
  const fromKubeconfig = (files: readonly string[]) =>
    openKubeconfigAccess({ files, context: chosenContext, env, runtime, signal });
  if (own !== undefined && kubeconfig === undefined) return async () => own;
  if (kubeconfig !== undefined)
    return async () => {
      const access = await fromKubeconfig([kubeconfig]);
      return own === undefined ? access : { ...access, host: own.host, basePath: own.basePath };
    };
  if (serviceAccount !== undefined) return () => openInClusterAccess(env, serviceAccount);
  const isNamed = chosenContext !== undefined || Boolean(env["KUBECONFIG"]);
  if (!isNamed && isInCluster(env)) return () => openInClusterAccess(env, SERVICE_ACCOUNT_FOLDER);
  return () => fromKubeconfig(kubeconfigFiles(env));
}

/** Undefined when the URL names no host. */
function ownAccess(url: RegistryUrl, options: RegistryOptionsReader): ClusterAccess | undefined {
  const token = options.optionalText("token");
  const tokenFile = options.optionalText("tokenFile");
  const password = options.password();
  const files = options.tls();
  const tls: RegistryHttpTls | undefined = options.flag("tls", true) ? (files ?? {}) : undefined;
  if (url.hosts.length === 0) {
    if (token !== undefined || tokenFile !== undefined || files !== undefined)
      throw invalidOption(
        "registry",
        "kubernetes:// without a host takes its credentials from the pod or a kubeconfig",
      );
    return undefined;
  }
  const [host = "", ...more] = hostsOf(url, 6443);
  if (more.length > 0)
    throw invalidOption("registry", "kubernetes:// takes one host: that of the load balancer");
  return {
    host,
    basePath: url.path === "" ? "" : `/${url.path}`,
    namespace: DEFAULT_NAMESPACE,
    async credential() {
      const bearer = tokenFile === undefined ? token : (await readFile(tokenFile, "utf8")).trim();
      if (bearer) return { authorization: `Bearer ${bearer}`, tls };
      const { username } = url;
      return { authorization: username === "" ? undefined : basicAuthorization(username, password), tls };
    },
  };
}
