/**
 * `etcd://user:password@host:2379,host:2379/prefix`: instances in etcd v3, in the layout of its own gRPC naming.
 */
import { assembleRegistry } from "../assemble-registry.ts";
import type { OpenRegistry, RegistryContext } from "../registry-client.ts";
import { hostsOf, readRegistryOptions } from "../registry-url.ts";
import { createEtcdClient } from "./etcd-client.ts";
import { createEtcdHolder } from "./etcd-holder.ts";
import { createEtcdLayout } from "./etcd-layout.ts";
import { createEtcdSource } from "./etcd-source.ts";
import { createLeaseKeeper } from "./lease-keeper.ts";

export const openEtcd: OpenRegistry = (context) => {
  const { url, runtime, incarnation, onWarning, openTransport } = context;
  const options = readRegistryOptions(url);
  const hosts = hostsOf(url, 2379, "127.0.0.1:2379");
  const tls = options.tls();
  const layout = createEtcdLayout(options.text("prefix", url.path === "" ? "heddle" : url.path));
  const ttlMs = options.number("ttlMs", 10_000, 1_000);
  const credentials = readCredentials(context, options.password());
  options.refuseOthers();

  const transport = openTransport({ hosts, tls });
  const client = createEtcdClient({ transport, runtime, ...credentials });
  const leases = createLeaseKeeper({ client, runtime, ttlMs });
  return assembleRegistry(context, {
    source: createEtcdSource({ client, layout, registry: url.text, onWarning, runtime }),
    holder: createEtcdHolder({ client, leases, layout, incarnation, runtime }),
    close() {
      client[Symbol.dispose]();
      transport.close("now");
    },
  });
};

/** From the URL, or from the environment of etcd's own `etcdctl`. */
function readCredentials(
  { url: { username }, env }: RegistryContext,
  password: string,
): { readonly username: string; readonly password: string } {
  if (username !== "") return { username, password };
  const [userInEnv = "", ...passwordInEnv] = (env["ETCDCTL_USER"] ?? "").split(":");
  return {
    username: userInEnv,
    password: password || (env["ETCDCTL_PASSWORD"] ?? passwordInEnv.join(":")),
  };
}
