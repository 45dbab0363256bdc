/**
 * Where the API server is, and what proves who we are. Both come from the pod's service account, from a kubeconfig, or
 * from the registry's URL. Credentials change while a process runs: kubelet writes a new token well before the old one
 * ends, plugins hand out short ones. So they are asked for with each request, and whoever gives them keeps what is
 * still good.
 */
import type { RegistryHttpTls } from "../http/registry-http.ts";

export interface ClusterAccess {
  /** `host:port` */
  readonly host: string;
  /** What stands before every path, such as "/k8s/clusters/c-1"; mostly empty. */
  readonly basePath: string;
  /** Where a name without a namespace is looked for. */
  readonly namespace: string;
  /** `renew` says that the API server didn't take the last one. Throws when there is none to be had. */
  credential(options: { readonly renew: boolean }): Promise<Credential>;
}

export interface Credential {
  /** The header's value; undefined sends none. */
  readonly authorization: string | undefined;
  /** Undefined: plain HTTP, as `kubectl proxy` speaks it. */
  readonly tls: RegistryHttpTls | undefined;
}

export function sameTls(a: RegistryHttpTls | undefined, b: RegistryHttpTls | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.ca === b.ca &&
    a.cert === b.cert &&
    a.key === b.key &&
    a.serverName === b.serverName &&
    a.anyCertificate === b.anyCertificate
  );
}

/** "https://10.0.0.1:6443/base" in its parts. Throws an `Error` for what is no such URL. */
export function readServerUrl(text: string): { host: string; basePath: string; isSecure: boolean } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSecure = url?.protocol === "https:";
  if (url === undefined || (!isSecure && url.protocol !== "http:"))
    throw new Error("the cluster's server is no http or https URL");
  return {
    host: `${url.hostname}:${url.port || (isSecure ? 443 : 80)}`,
    basePath: url.pathname.replace(/\/+$/, ""),
    isSecure,
  };
}

export const DEFAULT_NAMESPACE = "default";
