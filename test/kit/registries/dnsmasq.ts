/**
 * A DNS server (Debian's dnsmasq) that answers with the records it was given last.
 *
 * It reads addresses anew on a signal, but services never, so new records mean a new start on the same port: for some
 * 50 ms queries are refused, which is no more than what a resolver must bear anyway.
 */
import { writeFileSync } from "node:fs";
import { Resolver } from "node:dns/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-ports.ts";
import { serverFolder } from "./places.ts";
import { type RegistryServer, startNodes } from "./registry-server.ts";

/** Names are written in full, and end in `svc.test`. */
export interface DnsRecords {
  /** A and AAAA: name → IP addresses. */
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
  /** SRV: `_service._tcp.name` → where it runs. */
  readonly services?: Readonly<Record<string, readonly DnsService[]>>;
  /** TXT: name → texts of one record. */
  readonly texts?: Readonly<Record<string, readonly string[]>>;
}

export interface DnsService {
  readonly host: string;
  readonly port: number;
  /** Default: 0. */
  readonly priority?: number;
  /** Default: 0. */
  readonly weight?: number;
}

export interface DnsOptions {
  /** Of every record, in seconds. Default: 1. */
  readonly ttlS?: number;
  /** Default: none. */
  readonly records?: DnsRecords;
}

export interface DnsServer extends RegistryServer {
  /** In the place of all there were. Resolves when they are served. */
  setRecords(records: DnsRecords): Promise<void>;
}

/** The suffix of every name that it knows, and the only one that it answers for. */
export const DNS_SUFFIX = "svc.test";

export async function startDnsmasq({ ttlS = 1, records = {} }: DnsOptions = {}): Promise<DnsServer> {
  const folder = serverFolder("dnsmasq");
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const configuration = join(folder.path, "dnsmasq.conf");
  const write = (now: DnsRecords) =>
    writeFileSync(configuration, [...settingsOf(port, ttlS), ...linesOf(now), ""].join("\n"));
  write(records);

  const nodes = await folder.holdFor(
    startNodes([
      {
        address,
        command: "/usr/sbin/dnsmasq",
        args: ["--keep-in-foreground", `--conf-file=${configuration}`],
        log: join(folder.path, "dnsmasq.log"),
        isReady: () => isServing(address),
      },
    ]),
  );
  return {
    url: `dns://${address}/${DNS_SUFFIX}`,
    nodes,
    async setRecords(now) {
      write(now);
      await nodes[0]?.restart();
    },
    stop: () => folder.stop(nodes),
  };
}

const PROBE = `ready.${DNS_SUFFIX}`;

function settingsOf(port: number, ttlS: number): string[] {
  return [
    `port=${port}`,
    "listen-address=127.0.0.1",
    "bind-interfaces",
    "no-resolv",
    "no-hosts",
    `local=/${DNS_SUFFIX}/`,
    `local-ttl=${ttlS}`,
    `user=${userInfo().username}`,
    "pid-file",
    "log-facility=-",
    `txt-record=${PROBE},yes`,
  ];
}

function linesOf({ addresses = {}, services = {}, texts = {} }: DnsRecords): string[] {
  return [
    ...Object.entries(addresses).flatMap(([name, ips]) => ips.map((ip) => `host-record=${name},${ip}`)),
    ...Object.entries(services).flatMap(([name, places]) =>
      places.map(
        ({ host, port, priority = 0, weight = 0 }) =>
          `srv-host=${name},${host},${port},${priority},${weight}`,
      ),
    ),
    ...Object.entries(texts).map(([name, strings]) => `txt-record=${[name, ...strings].join(",")}`),
  ];
}

async function isServing(address: string): Promise<boolean> {
  const resolver = new Resolver({ timeout: 200, tries: 1 });
  resolver.setServers([address]);
  const [answer] = await resolver.resolveTxt(PROBE);
  return answer?.[0] === "yes";
}
