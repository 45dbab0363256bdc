/**
 * Access from inside a pod: kubelet mounts a token, the cluster's CA and the namespace as files, and says in the
 * environment where the API server is. The files are read with each request, for kubelet replaces them.
 *
 * https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { formatAddress } from "../../call/address.ts";
import { type ClusterAccess, DEFAULT_NAMESPACE } from "./cluster-access.ts";

export const SERVICE_ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Whether this process runs in a pod that has a service account. */
export function isInCluster(
  env: Readonly<Record<string, string | undefined>>,
  folder = SERVICE_ACCOUNT_FOLDER,
): boolean {
  return Boolean(env["KUBERNETES_SERVICE_HOST"]) && existsSync(join(folder, "token"));
}

/** Throws when the environment doesn't name the API server. */
export async function openInClusterAccess(
  env: Readonly<Record<string, string | undefined>>,
  folder = SERVICE_ACCOUNT_FOLDER,
): Promise<ClusterAccess> {
  const host = env["KUBERNETES_SERVICE_HOST"];
  const port = Number(env["KUBERNETES_SERVICE_PORT_HTTPS"] || env["KUBERNETES_SERVICE_PORT"] || 443);
  if (!host) throw new Error("KUBERNETES_SERVICE_HOST is not set: this is no pod");
  const namespace = await readFile(join(folder, "namespace"), "utf8").catch(() => "");
  return {
    host: formatAddress({ kind: "tcp", host, port }),
    basePath: "",
    namespace: namespace.trim() || DEFAULT_NAMESPACE,
    async credential() {
      const [token, ca] = await Promise.all([
        readFile(join(folder, "token"), "utf8"),
        readFile(join(folder, "ca.crt"), "utf8"),
      ]);
      return { authorization: `Bearer ${token.trim()}`, tls: { ca } };
    },
  };
}
