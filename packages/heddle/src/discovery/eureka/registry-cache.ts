/**
 * One copy of the registry for all targets of a process, because Eureka has nothing smaller to give that changes are told
 * of: polled while anybody follows it, with deltas from the server that gave the full answer, and in full again when the
 * hash differs, the server is another one, and every five minutes (the hash counts, so one lost and one missed look like none).
 *
 * A server that has just started knows few or none: until everybody has sent a heartbeat, what it doesn't name may live.
 */
import { RateGuard } from "../../runtime/rate-guard.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Timer } from "../../runtime/timer.ts";
import type { Endpoint } from "../endpoint.ts";
import { type RegistryHttp, type RegistryHttpResponse, statusError } from "../http/registry-http.ts";
import { registryRefusal } from "../registry-error.ts";
import { type Applications, createApplications } from "./applications.ts";
import type { EurekaReading } from "./eureka-options.ts";

export interface RegistryCache {
  /** Tells until it is disposed: `onPoll` after each answer, `onLost` once, when no server gives one. */
  follow(follower: RegistryFollower): Disposable;
  /** What is known under a name; undefined unless the last question was answered. */
  view(name: string): RegistryView | undefined;
}

export interface RegistryFollower {
  onPoll(): void;
  onLost(error: unknown): void;
}

export interface RegistryView {
  /** Another number when something changed. */
  readonly revision: number;
  readonly complete: boolean;
  endpoints(): readonly Endpoint[];
}

export interface RegistryCacheOptions {
  readonly http: RegistryHttp;
  readonly reading: EurekaReading;
  readonly runtime: Pick<Runtime, "clock" | "timers" | "random">;
  /** Whether a 403 is about them. */
  readonly hasCredentials: boolean;
  /** For errors: the registry without its secrets. */
  readonly registry: string;
}

export function createRegistryCache(options: RegistryCacheOptions): RegistryCache {
  const { http, reading, runtime, hasCredentials, registry } = options;
  const { clock, timers, random } = runtime;
  const applications: Applications = createApplications(reading);
  const followers = new Set<RegistryFollower>();
  /** Full answers for a hash that differs: a server under churn may never have the right one. */
  const mismatches = new RateGuard({ limit: 3, perMs: 60_000 });
  let polling: AbortController | undefined;
  let timer: Timer | undefined;
  /** The server that the copy is from; undefined when it must be fetched in full. */
  let copyOf: string | undefined;
  let fullDueAtMs = 0;
  let answeredAtMs: number | undefined;
  let settledAtMs = Number.NEGATIVE_INFINITY;
  let isCurrent = false;

  async function ask(path: string, signal: AbortSignal): Promise<RegistryHttpResponse> {
    const request = { method: "GET", path, signal } as const;
    const response = await http.request(request);
    if (response.status === 200 || (path === DELTA && response.status === 403)) return response;
    const error = statusError(request, response, response.text());
    // A server that has just started answers 403 too.
    const isRefusal = response.status === 401 || (response.status === 403 && hasCredentials);
    throw isRefusal ? registryRefusal(registry, error) : error;
  }

  async function fetchFull(signal: AbortSignal): Promise<void> {
    const before = applications.size;
    const response = await ask("/apps", signal);
    applications.applyFull(response.json());
    if (copyOf !== undefined && copyOf !== response.host) settle();
    if (applications.size < before / 2) settle();
    copyOf = response.host;
    fullDueAtMs = clock.now() + FULL_EVERY_MS * (0.8 + 0.4 * random.next());
  }

  async function fetchNews(signal: AbortSignal): Promise<void> {
    const now = clock.now();
    const isOld = answeredAtMs === undefined || now - answeredAtMs > DELTA_REACHES_MS;
    if (copyOf === undefined || isOld || now >= fullDueAtMs) return await fetchFull(signal);
    const response = await ask(DELTA, signal);
    // Without deltas (403), or with those of another server, only all will do.
    if (response.status !== 200 || response.host !== copyOf) return await fetchFull(signal);
    if (!applications.applyDelta(response.json()) && !mismatches.hit(now)) await fetchFull(signal);
  }

  function settle(): void {
    settledAtMs = clock.now() + reading.settleMs;
  }

  async function poll(): Promise<void> {
    timer = undefined;
    const controller = new AbortController();
    polling = controller;
    try {
      await fetchNews(controller.signal);
      if (polling !== controller) return;
      answeredAtMs = clock.now();
      isCurrent = true;
      timer = timers.after(reading.pollMs * (0.9 + 0.2 * random.next()), () => void poll());
      for (const follower of followers) follower.onPoll();
    } catch (error) {
      if (polling !== controller) return;
      isCurrent = false;
      // What was missed may be in no delta any more, and the hash, which only counts, may agree all the same.
      fullDueAtMs = 0;
      if (copyOf !== undefined) settle();
      for (const follower of followers) follower.onLost(error);
      followers.clear();
    } finally {
      if (polling === controller) polling = undefined;
    }
  }

  function stop(): void {
    timer?.cancel();
    timer = undefined;
    isCurrent = false;
    const unwanted = polling;
    polling = undefined;
    unwanted?.abort(new Error("nobody follows"));
  }

  return {
    follow(follower) {
      followers.add(follower);
      if (timer === undefined && polling === undefined) void poll();
      return {
        [Symbol.dispose]() {
          if (followers.delete(follower) && followers.size === 0) stop();
        },
      };
    },
    view(name) {
      if (!isCurrent) return undefined;
      return {
        revision: applications.revisionOf(name),
        complete: clock.now() >= settledAtMs,
        endpoints: () => applications.endpointsOf(name),
      };
    },
  };
}

const DELTA = "/apps/delta";
/** The server keeps changes for three minutes, by its own clock and in steps of half a minute. */
const DELTA_REACHES_MS = 90_000;
const FULL_EVERY_MS = 300_000;
