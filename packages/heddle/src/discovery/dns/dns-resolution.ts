/**
 * From a question to endpoints, round after round. The memory between rounds makes two things right: a host whose addresses may
 * still be kept is not asked for again, and a host that could not be asked keeps the addresses it had.
 *
 * Of SRV records only those of the best priority are used, and the next ones when none of those has an address. A host with
 * one address of each family is one instance with another address; several of one family are several instances.
 */
import { formatAddress } from "../../call/address.ts";
import type { Clock } from "../../runtime/clock.ts";
import { createEndpoint, type Endpoint } from "../endpoint.ts";
import { inParallel } from "../waiting/in-parallel.ts";
import type { DnsAnswer, DnsRound, ServiceRecord } from "./dns-lookup.ts";
import type { DnsQuestion } from "./dns-question.ts";

export interface DnsResolution {
  readonly endpoints: readonly Endpoint[];
  /** False when a host could not be asked and was never known. */
  readonly complete: boolean;
  /** How long all of it may be kept, in ms; undefined where nobody said. */
  readonly ttlMs: number | undefined;
}

export type DnsFamily = "any" | "ipv4" | "ipv6";

export interface DnsResolutionOptions {
  readonly question: DnsQuestion;
  readonly family: DnsFamily;
  /** No host is asked for again earlier than that, */
  readonly minIntervalMs: number;
  /** or kept longer than that. */
  readonly maxIntervalMs: number;
  readonly clock: Clock;
}

/** Each call is one round. It throws when the question itself got no answer. */
export function createDnsResolution(
  options: DnsResolutionOptions,
): (round: DnsRound, onProgress: () => void) => Promise<DnsResolution> {
  const { question, family, minIntervalMs, maxIntervalMs, clock } = options;
  const families = family === "any" ? ([4, 6] as const) : family === "ipv4" ? ([4] as const) : ([6] as const);
  /** By host and family. */
  const known = new Map<string, Known>();

  async function familyOf(round: DnsRound, host: string, version: 4 | 6): Promise<Found> {
    const key = `${version} ${host}`;
    const before = known.get(key);
    const now = clock.now();
    if (before && before.freshUntilMs > now)
      return { ...before, ttlMs: before.ttlMs && before.freshUntilMs - now, isKnown: true, error: undefined };
    try {
      const answer = await round.addresses(host, version);
      const keepMs = Math.min(maxIntervalMs, Math.max(minIntervalMs, answer.ttlMs ?? 0));
      known.set(key, { ...answer, freshUntilMs: now + keepMs - EARLY_MS });
      return { ...answer, isKnown: true, error: undefined };
    } catch (error) {
      return {
        records: before?.records ?? [],
        ttlMs: undefined,
        isKnown: before !== undefined,
        error: error as Error,
      };
    }
  }

  async function addressesOf(round: DnsRound, host: string): Promise<HostAddresses> {
    const found = await Promise.all(families.map((version) => familyOf(round, host, version)));
    // Servers that fail on AAAA instead of saying "none" are common, and no reason to doubt the A records.
    const { isKnown, error } = found[0] as Found;
    return {
      addresses: found.map(({ records }) => records.toSorted()),
      isKnown,
      ttlMs: shortest(found),
      error,
    };
  }

  async function resolveAddresses(round: DnsRound, host: string, port: number): Promise<DnsResolution> {
    const found = await addressesOf(round, host);
    if (found.error !== undefined) throw found.error;
    const endpoints = instancesOf(found.addresses, port).map((fields) => createEndpoint(fields));
    return { endpoints, complete: true, ttlMs: found.ttlMs };
  }

  async function resolveServices(
    round: DnsRound,
    name: string,
    onProgress: () => void,
  ): Promise<DnsResolution> {
    const { records } = await round.services(name);
    onProgress();
    const hosts = new Map<string, HostAddresses>();
    let isDown = false;
    await inParallel(
      [...new Set(records.map(({ host }) => host.toLowerCase()))],
      QUESTIONS_AT_ONCE,
      async (host) => {
        // Its silence has been waited for once in this round.
        const found = await addressesOf(isDown ? silent : round, host);
        isDown ||= found.error !== undefined;
        hosts.set(host, found);
        onProgress();
      },
    );
    const used = bestOf(records, hosts);
    for (const key of known.keys()) if (!hosts.has(key.slice(2))) known.delete(key);
    return {
      endpoints: weighted(used, hosts),
      complete: [...hosts.values()].every(({ isKnown }) => isKnown),
      ttlMs: shortest([...hosts.values()]),
    };
  }

  return (round, onProgress) =>
    question.kind === "addresses"
      ? resolveAddresses(round, question.host, question.port)
      : resolveServices(round, question.name, onProgress);
}

const QUESTIONS_AT_ONCE = 32;
/** Waits are jittered upwards and timers are exact to a millisecond, so that this much keeps a round from coming too early. */
const EARLY_MS = 5;

interface Known extends DnsAnswer<string> {
  readonly freshUntilMs: number;
}

interface Found extends DnsAnswer<string> {
  /** From this round or one before. */
  readonly isKnown: boolean;
  /** Why it could not be asked in this round. */
  readonly error: Error | undefined;
}

interface HostAddresses {
  /** By family, in a stable order. */
  readonly addresses: readonly (readonly string[])[];
  readonly isKnown: boolean;
  readonly ttlMs: number | undefined;
  readonly error: Error | undefined;
}

const silent: Pick<DnsRound, "addresses"> & DnsRound = {
  addresses: () => Promise.reject(new Error("the server does not answer")),
  services: () => Promise.reject(new Error("the server does not answer")),
  [Symbol.dispose]: () => {},
};

/** The records of the best priority that leads anywhere. While a host of a better one is unknown, no worse one is used. */
function bestOf(
  records: readonly ServiceRecord[],
  hosts: ReadonlyMap<string, HostAddresses>,
): readonly ServiceRecord[] {
  const priorities = [...new Set(records.map(({ priority }) => priority))].toSorted((a, b) => a - b);
  for (const priority of priorities) {
    const best = records.filter((record) => record.priority === priority);
    const found = best.map(({ host }) => hosts.get(host.toLowerCase()));
    if (found.some((host) => !host?.isKnown || host.addresses.some((list) => list.length > 0))) return best;
  }
  return [];
}

/**
 * A weight of 0 beside others means "hardly ever" in RFC 2782, and here "when no other can"; 0 everywhere means no weights.
 * Where a record has several instances they share its weight, so all weights are scaled to stay whole.
 */
function weighted(
  records: readonly ServiceRecord[],
  hosts: ReadonlyMap<string, HostAddresses>,
): readonly Endpoint[] {
  const noWeights = records.every(({ weight }) => weight === 0);
  const instances = records.map((record) =>
    instancesOf(hosts.get(record.host.toLowerCase())?.addresses ?? [], record.port),
  );
  const scale = Math.max(1, ...instances.map((list) => list.length));
  const byId = new Map<string, Endpoint>();
  records.forEach(({ weight }, index) => {
    const list = instances[index] ?? [];
    for (const fields of list) {
      const share = noWeights ? scale : weight * scale;
      const endpoint = createEndpoint({ ...fields, weight: Math.round(share / list.length) });
      if (!byId.has(endpoint.id)) byId.set(endpoint.id, endpoint);
    }
  });
  return [...byId.values()];
}

function instancesOf(
  families: readonly (readonly string[])[],
  port: number,
): readonly { address: string; otherAddresses: readonly string[] }[] {
  const [first = [], second = []] = families.map((list) =>
    list.map((host) => formatAddress({ kind: "tcp", host, port })),
  );
  const isOneHost = first.length === 1 && second.length === 1;
  if (isOneHost) return [{ address: first[0] as string, otherAddresses: second }];
  return [...first, ...second].map((address) => ({ address, otherAddresses: [] }));
}

function shortest(answers: readonly { readonly ttlMs: number | undefined }[]): number | undefined {
  const ttls = answers.map(({ ttlMs }) => ttlMs).filter((ttlMs) => ttlMs !== undefined);
  return ttls.length === 0 ? undefined : Math.min(...ttls);
}
