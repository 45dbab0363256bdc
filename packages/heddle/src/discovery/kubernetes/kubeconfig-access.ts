/**
 * Access by a context of a kubeconfig: where the cluster is, and the user's token, certificate, password or plugin.
 * Files are read with each request, so what rotates them needs no restart.
 */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Runtime } from "../../runtime/runtime.ts";
import { fieldsAt, textAt } from "../fields/json-fields.ts";
import { basicAuthorization } from "../http/basic-authorization.ts";
import type { RegistryHttpTls } from "../http/registry-http.ts";
import { type ClusterAccess, type Credential, DEFAULT_NAMESPACE, readServerUrl } from "./cluster-access.ts";
import { createExecCredentials, type ExecCredentials } from "./exec-credentials.ts";
import { type KubeContext, type KubeSection, readKubeContext, readPem } from "./kubeconfig.ts";

export interface KubeconfigAccessOptions {
  readonly files: readonly string[];
  /** Undefined: the current one. */
  readonly context: string | undefined;
  /** Given to plugins. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly runtime: Pick<Runtime, "clock" | "timers">;
  /** Ends plugins that run. */
  readonly signal: AbortSignal;
}

/** Throws an `Error` that repeats no secret when the files say nothing that can be used. */
export async function openKubeconfigAccess(options: KubeconfigAccessOptions): Promise<ClusterAccess> {
  const context = await readKubeContext(options.files, options.context);
  const { cluster, user } = context;
  const server = readServerUrl(textAt(cluster.fields, "server"));
  refuseWhatWouldChangeMeaning(context);
  const plugin =
    user.fields["exec"] === undefined
      ? undefined
      : createExecCredentials(fieldsAt(user.fields, "exec"), { ...options, folder: user.folder, cluster });
  return {
    host: server.host,
    basePath: server.basePath,
    namespace: context.namespace || DEFAULT_NAMESPACE,
    credential: async ({ renew }) => await readCredential(cluster, user, server.isSecure, plugin, renew),
  };
}

async function readCredential(
  cluster: KubeSection,
  user: KubeSection,
  isSecure: boolean,
  plugin: ExecCredentials | undefined,
  renew: boolean,
): Promise<Credential> {
  const [ca, cert, key, ownAuthorization] = await Promise.all([
    readPem(cluster, "certificate-authority"),
    readPem(user, "client-certificate"),
    readPem(user, "client-key"),
    readAuthorization(user),
  ]);
  const given =
    ownAuthorization === undefined && cert === undefined ? await plugin?.get({ renew }) : undefined;
  const tls: RegistryHttpTls = {
    ca,
    cert: cert ?? given?.cert,
    key: key ?? given?.key,
    serverName: textAt(cluster.fields, "tls-server-name") || undefined,
    anyCertificate: cluster.fields["insecure-skip-tls-verify"] === true || undefined,
  };
  return {
    authorization: ownAuthorization ?? (given?.token === undefined ? undefined : `Bearer ${given.token}`),
    tls: isSecure ? tls : undefined,
  };
}

/** A file counts before a token beside it, as in kubectl. */
async function readAuthorization({ fields, folder }: KubeSection): Promise<string | undefined> {
  const tokenFile = textAt(fields, "tokenFile");
  const token =
    tokenFile === "" ? textAt(fields, "token") : (await readFile(resolve(folder, tokenFile), "utf8")).trim();
  if (token !== "") return `Bearer ${token}`;
  const username = textAt(fields, "username");
  if (username === "") return undefined;
  return basicAuthorization(username, textAt(fields, "password"));
}

/** Passing over these would reach another place, or act as somebody else. */
function refuseWhatWouldChangeMeaning({ cluster, user }: KubeContext): void {
  for (const [fields, name, advice] of [
    [cluster.fields, "proxy-url", "name the API server itself"],
    [user.fields, "as", "impersonation is not supported"],
    [user.fields, "auth-provider", "it is gone since Kubernetes 1.26: use exec"],
  ] as const) {
    if (fields[name] !== undefined) throw new Error(`the kubeconfig has "${name}": ${advice}`);
  }
}
