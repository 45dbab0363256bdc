/**
 * Asks DNS again and again: after the shortest TTL of what was found, but not more often than every `minIntervalMs` and not
 * more seldom than every `maxIntervalMs`, each time a little later by chance, so that processes that started together do not
 * ask together.
 */
import { isIP } from "node:net";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Source } from "../source.ts";
import { invalidTarget, type Target } from "../target.ts";
import { createBell } from "../waiting/bell.ts";
import type { DnsLookup } from "./dns-lookup.ts";
import { type DnsNaming, questionOf } from "./dns-question.ts";
import { createDnsResolution, type DnsFamily, type DnsResolution } from "./dns-resolution.ts";

export interface DnsSourceOptions extends DnsNaming {
  readonly lookup: DnsLookup;
  /** IP addresses, with ports; none: the system's. */
  readonly servers: readonly string[];
  readonly family: DnsFamily;
  readonly minIntervalMs: number;
  readonly maxIntervalMs: number;
  readonly timeoutMs: number;
  readonly runtime: Runtime;
}

export function createDnsSource(options: DnsSourceOptions): Source {
  const { lookup, family, minIntervalMs, maxIntervalMs, timeoutMs, runtime } = options;

  /** How long to wait for the next round. Nothing found and nothing said about it: soon, for somebody may just be starting. */
  function intervalMs({ ttlMs }: DnsResolution): number {
    const wantedMs = Math.min(maxIntervalMs, Math.max(minIntervalMs, ttlMs ?? minIntervalMs));
    return wantedMs * (1 + JITTER * runtime.random.next());
  }

  return {
    scheme: "dns",
    silenceMs: maxIntervalMs * (1 + JITTER) + 4 * timeoutMs,
    async *open(target, signal) {
      const question = questionOf(target, options);
      const servers = target.authority === "" ? options.servers : authorityServers(target);
      const resolve = createDnsResolution({
        question,
        family,
        minIntervalMs,
        maxIntervalMs,
        clock: runtime.clock,
      });
      using bell = createBell(signal, runtime.timers);
      while (!signal.aborted) {
        using round = lookup.open(servers);
        let resolution: DnsResolution | undefined;
        let failure: unknown;
        resolve(round, bell.ring)
          .then(
            (found) => {
              resolution = found;
            },
            (error: unknown) => {
              failure = error;
            },
          )
          .finally(bell.ring);
        for (;;) {
          await bell.wait();
          if (signal.aborted) return;
          if (resolution !== undefined || failure !== undefined) break;
          yield { kind: "alive" };
        }
        if (resolution === undefined) throw failure as Error;
        yield { kind: "snapshot", endpoints: resolution.endpoints, complete: resolution.complete };
        const dueMs = runtime.clock.now() + intervalMs(resolution);
        for (let leftMs = Infinity; !signal.aborted && leftMs > 0; ) {
          leftMs = dueMs - runtime.clock.now();
          if (leftMs > 0) await bell.wait(leftMs);
        }
      }
    },
  };
}

const JITTER = 0.1;

/** Throws `targetInvalid`: a DNS server cannot itself be found by name. */
function authorityServers(target: Target): readonly string[] {
  return target.authority.split(",").map((server) => {
    if (!isServerAddress(server))
      throw invalidTarget(target, `the DNS server "${server}" must be an IP address, with or without a port`);
    return server;
  });
}

/** `127.0.0.1`, `127.0.0.1:53`, `[::1]`, `[::1]:53`. */
export function isServerAddress(text: string): boolean {
  const parts = /^(?:\[([^\]]+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text);
  if (!parts) return false;
  const port = Number(parts[3] ?? 53);
  return (isIP(parts[1] ?? "") === 6 || isIP(parts[2] ?? "") === 4) && port >= 1 && port <= 65_535;
}
