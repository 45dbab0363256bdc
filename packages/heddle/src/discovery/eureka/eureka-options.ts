/** What an `eureka://` URL says, checked once: docs/guides/discovery/eureka.md has each option with its default. */
import { basicAuthorization } from "../http/basic-authorization.ts";
import type { RegistryContext, RegistryTls } from "../registry-client.ts";
import { hostsOf, readRegistryOptions } from "../registry-url.ts";

export interface EurekaOptions {
  /** Peers, `host:port` each, the preferred one first. */
  readonly hosts: readonly string[];
  readonly basePath: string;
  readonly tls: RegistryTls | undefined;
  /** The value of `authorization`; undefined without a user. */
  readonly authorization: string | undefined;
  readonly reading: EurekaReading;
  readonly registration: EurekaRegistrationOptions;
  /** For an exchange with one server, in ms. */
  readonly timeoutMs: number;
}

export interface EurekaReading {
  /** Between an answer and the next question, in ms. */
  readonly pollMs: number;
  /** For so long after a server was lost or half of everything was, what is missing may still come back, in ms. */
  readonly settleMs: number;
  /** Whether only instances are taken that are UP, or all with their health. */
  readonly health: "up" | "all";
  /** Which of an instance's addresses is called. */
  readonly address: "ip" | "host";
  /** Which port is called where an instance has both. */
  readonly prefer: "plain" | "secure";
}

export interface EurekaRegistrationOptions {
  readonly renewMs: number;
  /** The server's word for how long a lease lasts; it takes twice as long in truth. */
  readonly durationMs: number;
}

export function readEurekaOptions({ url }: Pick<RegistryContext, "url">): EurekaOptions {
  const options = readRegistryOptions(url);
  const tls = options.tls();
  const { username, path } = url;
  const password = options.password();
  const read: EurekaOptions = {
    hosts: hostsOf(url, tls === undefined ? 8761 : 443, "127.0.0.1"),
    basePath: `/${path === "" ? "eureka" : path}`,
    tls,
    authorization: username === "" ? undefined : basicAuthorization(username, password),
    reading: {
      pollMs: options.number("pollMs", 5_000, 100),
      settleMs: options.number("settleMs", 45_000, 0),
      health: options.oneOf("health", ["up", "all"], "up"),
      address: options.oneOf("address", ["ip", "host"], "ip"),
      prefer: options.oneOf("prefer", ["plain", "secure"], "plain"),
    },
    registration: {
      renewMs: options.number("renewMs", 30_000, 1_000),
      durationMs: options.number("durationMs", 90_000, 1_000),
    },
    timeoutMs: options.number("timeoutMs", 3_000, 100),
  };
  options.refuseOthers();
  return read;
}
