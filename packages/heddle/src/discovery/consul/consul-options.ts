/** What a `consul://` URL says, checked once: docs/guides/discovery/consul.md has each option with its default. */
import { invalidOption } from "../../call/check-option.ts";
import { readCommaList } from "../fields/comma-list.ts";
import type { RegistryContext, RegistryTls } from "../registry-client.ts";
import { hostsOf, readRegistryOptions } from "../registry-url.ts";

export interface ConsulOptions {
  /** Agents, `host:port` each. */
  readonly hosts: readonly string[];
  readonly basePath: string;
  readonly tls: RegistryTls | undefined;
  /** Sent with every request. A file is read each time, for its token may rotate. */
  readonly token: { readonly text: string } | { readonly file: string } | undefined;
  readonly query: ConsulQueryOptions;
  readonly registration: ConsulRegistrationOptions;
  /** For an answer that isn't waited for on purpose, in ms. */
  readonly timeoutMs: number;
}

export interface ConsulQueryOptions {
  /** Whether the agent leaves out whatever its checks don't find passing, or we get all with their health. */
  readonly health: "passing" | "all";
  readonly tags: readonly string[];
  /** Undefined: the agent's own. */
  readonly datacenter: string | undefined;
  readonly consistency: "default" | "stale" | "consistent";
  /** How long the agent may hold back an answer until something changes, in ms. */
  readonly waitMs: number;
  /** How often an agent that holds back an answer is asked whether it lives, in ms. */
  readonly probeMs: number;
  /** For so long after an agent was lost, what is missing may still come back, in ms. */
  readonly settleMs: number;
  /** With `stale`: an answer of a server that heard the leader longer ago than that isn't complete, in ms. */
  readonly maxStaleMs: number;
}

export interface ConsulRegistrationOptions {
  readonly check: "ttl" | "grpc" | "tcp" | "none";
  /** Without a sign of life for so long an instance is critical, in ms. */
  readonly ttlMs: number;
  /** Between checks that the agent makes itself, in ms. */
  readonly checkIntervalMs: number;
  /** Critical for so long, it is taken away by the agent, in ms. Consul's own minimum is a minute. */
  readonly deregisterAfterMs: number;
  readonly tags: readonly string[];
}

export function readConsulOptions({ url, env }: Pick<RegistryContext, "url" | "env">): ConsulOptions {
  const options = readRegistryOptions(url);
  if (url.username !== "") {
    throw invalidOption(
      "registry",
      "consul:// has no user: a token goes into token=, tokenFile= or CONSUL_HTTP_TOKEN",
    );
  }
  const tls = options.tls();
  const tokenFile = options.optionalText("tokenFile");
  options.file("tokenFile");
  const read: ConsulOptions = {
    hosts: hostsOf(url, tls === undefined ? 8500 : 8501, "127.0.0.1"),
    basePath: url.path === "" ? "" : `/${url.path}`,
    tls,
    token: tokenOf(options.optionalText("token") ?? url.password, tokenFile, env),
    query: {
      health: options.oneOf("health", ["passing", "all"], "passing"),
      tags: readCommaList(options.text("tag", "")),
      datacenter: options.optionalText("dc"),
      consistency: options.oneOf("consistency", ["default", "stale", "consistent"], "default"),
      waitMs: options.number("waitMs", 60_000, 1_000),
      probeMs: options.number("probeMs", 2_000, 100),
      settleMs: options.number("settleMs", 15_000, 0),
      maxStaleMs: options.number("maxStaleMs", 30_000, 0),
    },
    registration: {
      check: options.oneOf("check", ["ttl", "grpc", "tcp", "none"], "ttl"),
      ttlMs: options.number("ttlMs", 15_000, 1_000),
      checkIntervalMs: options.number("checkIntervalMs", 5_000, 1_000),
      deregisterAfterMs: options.number("deregisterAfterMs", 60_000, 60_000),
      tags: readCommaList(options.text("tags", "")),
    },
    timeoutMs: options.number("timeoutMs", 3_000, 100),
  };
  options.refuseOthers();
  return read;
}

function tokenOf(
  text: string,
  file: string | undefined,
  env: RegistryContext["env"],
): ConsulOptions["token"] {
  if (file !== undefined) return { file };
  if (text !== "") return { text };
  const [fromEnv, fileFromEnv] = [env["CONSUL_HTTP_TOKEN"], env["CONSUL_HTTP_TOKEN_FILE"]];
  if (fromEnv) return { text: fromEnv };
  return fileFromEnv ? { file: fileFromEnv } : undefined;
}
