/**
 * Single questions to DNS, with a deadline of our own. "There is no such name" is an answer of a healthy server and gives no records;
 * all that says nothing about the name (silence, SERVFAIL, REFUSED) throws.
 *
 * Where no server is named, the system's are asked, and what they don't know is looked up as every other program of the
 * machine would (`getaddrinfo`: the hosts file, search domains), which tells no TTL.
 */
import { type LookupAddress, lookup } from "node:dns";
import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import type { Runtime } from "../../runtime/runtime.ts";
import { inTime } from "../waiting/in-time.ts";

export interface DnsLookup {
  /** For one round of questions, which share sockets. */
  open(servers: readonly string[]): DnsRound;
}

export interface DnsRound extends Disposable {
  /** Addresses of one family. */
  addresses(host: string, family: 4 | 6): Promise<DnsAnswer<string>>;
  services(name: string): Promise<DnsAnswer<ServiceRecord>>;
}

export interface DnsAnswer<T> {
  /** Empty: the server says that there is none. */
  readonly records: readonly T[];
  /** How long it may be kept, in ms; undefined where nobody said. */
  readonly ttlMs: number | undefined;
}

/** An SRV record. */
export interface ServiceRecord {
  readonly host: string;
  readonly port: number;
  /** Lower ones first. */
  readonly priority: number;
  readonly weight: number;
}

export interface DnsLookupOptions {
  /** How long one question may take. */
  readonly timeoutMs: number;
  readonly runtime: Pick<Runtime, "timers">;
}

export function createDnsLookup({ timeoutMs, runtime }: DnsLookupOptions): DnsLookup {
  async function ask<T>(question: string, answer: Promise<T>): Promise<T> {
    try {
      return await inTime(
        answer,
        timeoutMs,
        runtime.timers,
        () => new Error(`${question}: no answer within ${timeoutMs} ms`),
      );
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      throw Object.assign(new Error(`${question}: ${MEANINGS[code] ?? code}`, { cause: error }), { code });
    }
  }

  return {
    open(servers) {
      // A new one each time, for the system's servers may have changed.
      const resolver = new Resolver({ timeout: Math.ceil(timeoutMs / 2), tries: 2 });
      if (servers.length > 0) resolver.setServers(servers);

      return {
        async addresses(host, family) {
          const literal = isIP(host);
          if (literal !== 0) return { records: literal === family ? [host] : [], ttlMs: undefined };
          if (host.toLowerCase() === "localhost")
            return { records: [family === 4 ? "127.0.0.1" : "::1"], ttlMs: undefined };
          const question = `${family === 4 ? "A" : "AAAA"} of ${host}`;
          const query = family === 4 ? resolver.resolve4(host, TTL) : resolver.resolve6(host, TTL);
          const found = (await unlessNone(ask(question, query))) ?? [];
          if (found.length === 0 && servers.length === 0)
            return {
              records: (await unlessNone(ask(question, lookUp(host, family)))) ?? [],
              ttlMs: undefined,
            };
          return {
            records: found.map(({ address }) => address),
            ttlMs: found.length === 0 ? undefined : Math.min(...found.map(({ ttl }) => ttl * 1000)),
          };
        },
        async services(name) {
          const found = (await unlessNone(ask(`SRV of ${name}`, resolver.resolveSrv(name)))) ?? [];
          const records = found.map(({ name: host, port, priority, weight }) => ({
            host,
            port,
            priority,
            weight,
          }));
          // "." says that the service is decidedly not available (RFC 2782); so does port 0, where nobody can be called.
          const usable = records.filter(({ host, port }) => host !== "" && host !== "." && port > 0);
          return { records: usable, ttlMs: undefined };
        },
        [Symbol.dispose]: () => resolver.cancel(),
      };
    },
  };
}

const TTL = { ttl: true } as const;

const MEANINGS: Readonly<Record<string, string>> = {
  ESERVFAIL: "the server could not find out (SERVFAIL)",
  EREFUSED: "the server refuses to answer (REFUSED)",
  ECONNREFUSED: "no server answers",
  ETIMEOUT: "no answer in time",
  EAI_AGAIN: "the system's resolver could not find out",
};

async function unlessNone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTFOUND" || code === "ENODATA") return undefined;
    throw error;
  }
}

function lookUp(host: string, family: 4 | 6): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    lookup(host, { all: true, family }, (error: Error | null, found: LookupAddress[]) => {
      if (error) reject(error);
      else resolve(found.map(({ address }) => address));
    });
  });
}
