/**
 * Which control plane, and as whom: from the registry's URL, or from the bootstrap file of gRPC
 * (https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md), which `GRPC_XDS_BOOTSTRAP` names, or
 * which stands in `GRPC_XDS_BOOTSTRAP_CONFIG`.
 */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { create, type JsonObject } from "@bufbuild/protobuf";
import { invalidOption } from "../../call/check-option.ts";
import { isJsonObject } from "../../call/json-object.ts";
import { VERSION } from "../../call/version.ts";
import { type Node, NodeSchema } from "../../gen/envoy/config/core/v3/core_pb.ts";
import type { RegistryContext, RegistryTls } from "../registry-client.ts";
import { hostsOf, type RegistryOptionsReader } from "../registry-url.ts";

export interface XdsBootstrap {
  readonly hosts: readonly string[];
  readonly tls: RegistryTls | undefined;
  readonly node: Node;
  /** What a target's listener is called; `%s` stands for the name. */
  readonly listenerTemplate: string;
}

/** Throws `optionInvalid`. */
export function readBootstrap(
  { url, env }: Pick<RegistryContext, "url" | "env">,
  options: RegistryOptionsReader,
): XdsBootstrap {
  const path = options.optionalText("bootstrap");
  const tls = options.tls();
  const asked = {
    id: options.optionalText("node"),
    cluster: options.optionalText("cluster"),
    region: options.optionalText("region"),
    zone: options.optionalText("zone"),
  };
  const template = options.optionalText("listener");
  const usesFile = path !== undefined || url.hosts.length === 0;
  const file = usesFile ? parseBootstrap(bootstrapText(path, env)) : undefined;
  const node = file?.node ?? {};
  const locality = isJsonObject(node["locality"]) ? node["locality"] : {};
  return {
    hosts: file && url.hosts.length === 0 ? [file.host] : hostsOf(url, 18_000),
    tls: tls ?? (url.hosts.length === 0 ? file?.tls : undefined),
    listenerTemplate: template ?? file?.listenerTemplate ?? "%s",
    node: create(NodeSchema, {
      id: asked.id ?? text(node["id"]) ?? `heddle-${hostname()}-${process.pid}`,
      cluster: asked.cluster ?? text(node["cluster"]) ?? "",
      ...(isJsonObject(node["metadata"]) ? { metadata: node["metadata"] as JsonObject } : {}),
      locality: {
        region: asked.region ?? text(locality["region"]) ?? "",
        zone: asked.zone ?? text(locality["zone"]) ?? "",
        subZone: text(locality["sub_zone"]) ?? "",
      },
      userAgentName: "heddle",
      userAgentVersionType: { case: "userAgentVersion", value: VERSION },
      clientFeatures: ["envoy.lb.does_not_support_overprovisioning"],
    }),
  };
}

export interface BootstrapFile {
  readonly host: string;
  readonly tls: RegistryTls | undefined;
  readonly node: Readonly<Record<string, unknown>>;
  readonly listenerTemplate: string | undefined;
}

/** Throws `optionInvalid`, which says the field. The first server counts. */
export function parseBootstrap(content: string): BootstrapFile {
  let file: unknown;
  try {
    file = JSON.parse(content);
  } catch {
    throw fault("it is no JSON");
  }
  const servers = isJsonObject(file) ? file["xds_servers"] : undefined;
  const server: unknown = Array.isArray(servers) ? servers[0] : undefined;
  if (!isJsonObject(file) || !isJsonObject(server)) throw fault("xds_servers must be a list with a server");
  const uri = text(server["server_uri"]);
  if (uri === undefined) throw fault("xds_servers[0].server_uri is missing");
  return {
    host: uri.replace(/^(dns|passthrough|ipv4|ipv6):(\/\/[^/]*\/)?/, ""),
    tls: channelTls(server["channel_creds"]),
    node: isJsonObject(file["node"]) ? file["node"] : {},
    listenerTemplate: text(file["client_default_listener_resource_name_template"]),
  };
}

/** The first kind of credentials that is known here, as in gRPC. */
function channelTls(credentials: unknown): RegistryTls | undefined {
  for (const one of Array.isArray(credentials) ? (credentials as readonly unknown[]) : []) {
    if (!isJsonObject(one)) continue;
    if (one["type"] === "insecure") return undefined;
    if (one["type"] !== "tls") continue;
    const config = isJsonObject(one["config"]) ? one["config"] : {};
    const [ca, cert, key] = ["ca_certificate_file", "certificate_file", "private_key_file"].map((name) => {
      const path = text(config[name]);
      return path === undefined ? undefined : read(path, name);
    });
    if ((cert === undefined) !== (key === undefined))
      throw fault("certificate_file and private_key_file come together");
    return { ca, cert, key };
  }
  throw fault("xds_servers[0].channel_creds must have the type insecure or tls");
}

function bootstrapText(path: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
  const named = path ?? env["GRPC_XDS_BOOTSTRAP"];
  if (named !== undefined && named !== "") return read(named, "bootstrap");
  const inline = env["GRPC_XDS_BOOTSTRAP_CONFIG"];
  if (inline !== undefined && inline !== "") return inline;
  throw invalidOption("registry", "xds:// needs a host, or GRPC_XDS_BOOTSTRAP must name a bootstrap file");
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw fault(`the file of ${what} cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"})`);
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function fault(reason: string) {
  return invalidOption("registry (xds: bootstrap)", reason);
}
