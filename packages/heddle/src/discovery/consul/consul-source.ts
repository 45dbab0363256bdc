/**
 * Follows a service in Consul with blocking queries: an answer, then the next one when its index has moved or a minute is
 * over. An attempt keeps to one agent; an agent that fails, falls silent (`agent-pulse.ts`) or has lost the cluster ends it,
 * and the next attempt goes to the next agent.
 *
 * Every answer is whole, so each is a snapshot; one that says the same as before is only a sign of life.
 */
import { createHash } from "node:crypto";
import { isHeddleError } from "../../call/errors.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { type Endpoint, endpointsEqual } from "../endpoint.ts";
import { readCommaList } from "../fields/comma-list.ts";
import { type RegistryHttp, type RegistryHttpResponse, statusError } from "../http/registry-http.ts";
import { registryRefusal } from "../registry-error.ts";
import type { Source, SourceUpdate } from "../source.ts";
import { invalidTarget, type Target } from "../target.ts";
import { refuseTargetOptions } from "../target-options.ts";
import { createBell } from "../waiting/bell.ts";
import type { AgentPulse } from "./agent-pulse.ts";
import { blockingTimeoutMs, createQueryPacer, nextIndex } from "./blocking-query.ts";
import type { ConsulQueryOptions } from "./consul-options.ts";
import { readHealthEntries } from "./health-entries.ts";

export interface ConsulSourceOptions {
  readonly http: RegistryHttp;
  readonly pulse: AgentPulse;
  readonly query: ConsulQueryOptions;
  readonly timeoutMs: number;
  readonly runtime: Pick<Runtime, "clock" | "timers">;
  /** For errors: the registry without its secrets. */
  readonly registry: string;
}

export function createConsulSource(options: ConsulSourceOptions): Source {
  const { http, pulse, query, timeoutMs, runtime, registry } = options;
  /** An agent that was away has found instances critical that could not reach it, or is one that others don't register at. */
  let settledAtMs = Number.NEGATIVE_INFINITY;

  async function ask(
    host: string,
    path: string,
    service: ServiceQuery,
    index: bigint | undefined,
    signal: AbortSignal,
  ): Promise<RegistryHttpResponse> {
    const wait = index === undefined ? {} : { index: String(index), wait: `${query.waitMs}ms` };
    const request = {
      method: "GET",
      path,
      host,
      signal,
      query: { ...service, ...wait },
      timeoutMs: index === undefined ? timeoutMs : blockingTimeoutMs(query.waitMs, timeoutMs),
    } as const;
    const response = await http.request(request);
    if (response.status === 200) return response;
    const error = statusError(request, response, response.text());
    throw response.status === 401 || response.status === 403 ? registryRefusal(registry, error) : error;
  }

  async function* follow(target: Target, host: string, outer: AbortSignal): AsyncGenerator<SourceUpdate> {
    const service = serviceQuery(target, query);
    const path = `/v1/health/service/${encodeURIComponent(target.name)}`;
    const lost = new AbortController();
    const signal = AbortSignal.any([outer, lost.signal]);
    const pacer = createQueryPacer();
    using bell = createBell(signal, runtime.timers);
    using _ = pulse.follow(host, bell.ring, (error) => lost.abort(error));
    let index: bigint | undefined;
    let known: Known | undefined;
    let shownComplete: boolean | undefined;

    /** What is to be said now: all, when there is news or the doubt about what is missing has come or gone. */
    const report = (found: Known, isNews: boolean): SourceUpdate => {
      const complete = found.isWhole && runtime.clock.now() >= settledAtMs;
      const isSaid = !isNews && complete === shownComplete;
      shownComplete = complete;
      return isSaid
        ? { kind: "alive" }
        : { kind: "snapshot", endpoints: [...found.endpoints.values()], complete };
    };

    for (;;) {
      let settled: Settled | undefined;
      void ask(host, path, service, index, signal)
        .then(
          (response) => ({ response }),
          (error: unknown) => ({ error }),
        )
        .then((result) => {
          settled = result;
          bell.ring();
        });
      for (;;) {
        await bell.wait();
        if (settled !== undefined) break;
        if (known !== undefined && !signal.aborted) yield report(known, false);
      }
      if ("error" in settled) throw settled.error;
      const { response } = settled;
      const news: Known | undefined = newsOf(response, known, query, registry);
      index = nextIndex(index, response.headers["x-consul-index"]);
      if (news !== undefined) known = news;
      if (known !== undefined) yield report(known, news !== undefined);
      while (pacer.mustPause(news !== undefined, runtime.clock.now())) {
        await bell.wait(PAUSE_MS);
        signal.throwIfAborted();
      }
    }
  }

  return {
    scheme: "consul",
    // A beat comes a probe after the one before, and may take its time.
    silenceMs: 2 * (query.probeMs + timeoutMs),
    async *open(target, signal) {
      const { host } = http;
      try {
        yield* follow(target, host, signal);
      } catch (error) {
        if (!signal.aborted) http.moveOn(host);
        if (!isHeddleError(error)) settledAtMs = runtime.clock.now() + query.settleMs;
        throw error;
      }
    },
  };
}

/** How often a query that came too soon looks whether it may go. */
const PAUSE_MS = 50;

type ServiceQuery = Readonly<Record<string, string | readonly string[] | undefined>>;

type Settled = { readonly response: RegistryHttpResponse } | { readonly error: unknown };

interface Known {
  readonly digest: string;
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  /** False when the agent says itself that there may be more. */
  readonly isWhole: boolean;
}

/** What the answer says that wasn't known; undefined when nothing. The same bytes are not even parsed. */
function newsOf(
  response: RegistryHttpResponse,
  known: Known | undefined,
  query: ConsulQueryOptions,
  registry: string,
): Known | undefined {
  const digest = createHash("sha256").update(response.bytes).digest("base64");
  const filtered = response.headers["x-consul-results-filtered-by-acls"] === "true";
  const isWhole = !filtered && !isTooOld(response, query);
  if (known?.digest === digest && known.isWhole === isWhole) return undefined;
  const endpoints = new Map(readHealthEntries(response.json()).map((endpoint) => [endpoint.id, endpoint]));
  if (filtered && endpoints.size === 0) {
    throw registryRefusal(registry, new Error("the token may read none of the instances that are there"));
  }
  return known !== undefined && known.isWhole === isWhole && sameEndpoints(known.endpoints, endpoints)
    ? undefined
    : { digest, endpoints, isWhole };
}

/** Without a leader an answer is as old as the server's last word from it; only reads that may be stale get one. */
function isTooOld(
  { headers }: RegistryHttpResponse,
  { consistency, maxStaleMs }: ConsulQueryOptions,
): boolean {
  if (consistency !== "stale") return false;
  return headers["x-consul-knownleader"] === "false" || Number(headers["x-consul-lastcontact"]) > maxStaleMs;
}

function sameEndpoints(a: ReadonlyMap<string, Endpoint>, b: ReadonlyMap<string, Endpoint>): boolean {
  if (a.size !== b.size) return false;
  for (const [id, endpoint] of a) {
    const other = b.get(id);
    if (other === undefined || !endpointsEqual(endpoint, other)) return false;
  }
  return true;
}

/** What a target says for itself counts more than what the registry's URL says. */
function serviceQuery(target: Target, query: ConsulQueryOptions): ServiceQuery {
  refuseTargetOptions(target, "consul", ["tag", "dc", "health"]);
  const { tag, dc = query.datacenter, health = query.health } = target.query;
  if (health !== "passing" && health !== "all") throw invalidTarget(target, "health must be passing or all");
  return {
    tag: tag === undefined ? query.tags : readCommaList(tag),
    dc,
    passing: health === "passing" ? "1" : undefined,
    stale: query.consistency === "stale" ? "" : undefined,
    consistent: query.consistency === "consistent" ? "" : undefined,
  };
}
