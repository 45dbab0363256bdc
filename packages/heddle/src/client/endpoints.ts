/**
 * The instances of one target as a channel sees them: what discovery says, a way to each, and the balancer
 * that chooses among those that can be reached.
 *
 * A call that finds none waits here for a while. "None" is only believed when discovery has answered and every
 * way has been tried: a registry that cannot be reached leaves what was known in use.
 */
import type { Balancer } from "../balance/balancer.ts";
import { hashKey } from "../balance/hash-key.ts";
import { subsetOf } from "../balance/subset.ts";
import { healthyOrAll } from "../balance/panic-threshold.ts";
import { HeddleError } from "../call/errors.ts";
import { type Fields, findField } from "../call/metadata.ts";
import type { Session } from "../connection/session.ts";
import { Subchannel, type SubchannelOptions } from "../connection/subchannel.ts";
import type { ClientTls } from "../connection/tls.ts";
import type { Endpoint } from "../discovery/endpoint.ts";
import { createEndpointSet, type EndpointChange } from "../discovery/endpoint-set.ts";
import type { Resolver } from "../discovery/resolver.ts";
import type { Target } from "../discovery/target.ts";
import type { Timer } from "../runtime/timer.ts";
import { readOrcaReport } from "./orca.ts";
import { attemptOutcome } from "./attempt-outcome.ts";
import type { ClientCall } from "./call.ts";
import type { ClientMetrics } from "./client-metrics.ts";
import { ConcurrencyLimits } from "./concurrency-limits.ts";
import { Ejections } from "./ejections.ts";
import { HealthWatches, type HealthWatchesOptions } from "./health-watch.ts";
import { bestState, type ChannelStatus, describeSubchannel, type InstanceStatus } from "./status.ts";
import { type Waiter, Waiters } from "./waiters.ts";

export interface EndpointsOptions
  extends Omit<
    SubchannelOptions,
    "id" | "address" | "otherAddresses" | "weight" | "zone" | "onState" | "onLoad" | "onSilence"
  > {
  readonly target: Target;
  readonly resolver: Resolver;
  readonly balancer: Balancer<Subchannel>;
  /** The balancer has use for the ORCA reports of instances that are not of our kind. */
  readonly readsOrca: boolean;
  /** Ask the balancer also where there is nothing to choose: it is the user's own. */
  readonly asksAlways: boolean;
  /** The header, in lower case, whose value says which instance gets the call, where the balancer goes by keys. */
  readonly hashHeader: string | undefined;
  /** For instances of which discovery says that they want TLS, where `tls` is absent. */
  readonly hintedTls?: (() => ClientTls) | undefined;
  /** Of more than `above` instances only `size` are connected to. */
  readonly subset: { readonly above: number; readonly size: number };
  /** Told when discovery says another way how calls are to be made; undefined: it says nothing of it. */
  readonly onServiceConfig: (serviceConfig: unknown) => void;
  /** Begins to watch how a service of an instance is. */
  readonly watchHealth: HealthWatchesOptions["watchHealth"];
  /** Without a call for so long, connections are given up until the next one, in ms. */
  readonly idleTimeoutMs: number;
  /** What is counted of attempts; undefined: nothing. */
  readonly counts?: ClientMetrics | undefined;
}

export class Endpoints {
  readonly ejections: Ejections;
  readonly limits: ConcurrencyLimits;
  readonly health: HealthWatches;
  #options: EndpointsOptions;
  #serviceConfig: unknown;
  readonly #set = createEndpointSet();
  readonly #subchannels = new Map<string, Subchannel>();
  #hintedTls: ClientTls | undefined;
  /** Which part of a set that is too large for one client is ours. */
  readonly #subsetSeed: number;
  #isSubset = false;
  /** Instances that calls can go to. */
  available = 0;
  /** The only instance that calls can go to: there is nothing to choose, and nothing to learn. */
  #sole: Subchannel | undefined;
  /** Calls between two attempts. */
  readonly pausing = new Set<ClientCall>();
  readonly #waiters: Waiters;
  readonly #stop = new AbortController();
  #idleTimer: Timer | undefined;
  /** Connections have been given up, for nobody calls. */
  #resting = false;
  /** When it was woken, or began. */
  #wokenAtMs = 0;
  #watching = false;
  #resolveError = "";

  constructor(options: EndpointsOptions) {
    this.#options = options;
    this.ejections = new Ejections({ ...options, onChange: () => this.#updateReady() });
    this.limits = new ConcurrencyLimits(options.target.text, options.clock, this.#subchannels);
    this.health = new HealthWatches({ ...options, onChange: () => this.#updateReady() });
    this.#waiters = new Waiters({
      clock: options.clock,
      timers: options.timers,
      pick: (call, nowMs) => this.pick(call, nowMs),
      whyNone: (call) => this.#whyNone(call.policy.waitForReadyMs),
    });
    this.#subsetSeed = options.random.below(2 ** 32);
  }

  /** All instances that discovery knows, with their states. */
  get subchannels(): ReadonlyMap<string, Subchannel> {
    return this.#subchannels;
  }

  /** Those that discovery says are about to stop: nothing goes there. */
  *draining(): Iterable<Endpoint> {
    for (const endpoint of this.#set.endpoints.values()) if (endpoint.draining) yield endpoint;
  }

  /** Calls that wait for an instance. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Starts to watch the target; calls do it by themselves. */
  start(): void {
    if (this.#watching || this.#stop.signal.aborted) return;
    this.#watching = true;
    void this.#watch();
    this.#wake();
  }

  describe(): ChannelStatus {
    const { clock } = this.#options;
    const epochMs = clock.wallMs() - clock.now();
    const instances = [...this.#subchannels.values()].map((each): InstanceStatus => {
      const fault = each.state === "ready" ? this.health.faultOf(each) : undefined;
      const instance = describeSubchannel(each, epochMs);
      return fault === undefined ? instance : { ...instance, state: "transient_failure", lastError: fault };
    });
    const closed = this.#stop.signal.aborted;
    return {
      target: this.#options.target.text,
      state: closed ? "shutdown" : bestState(instances, this.#watching ? "connecting" : "idle"),
      waiting: this.#waiters.size,
      lastError: this.#resolveError,
      instances,
    };
  }

  /** An instance for the next attempt, one that the call has not tried if possible; undefined when none is ready. */
  pick(call: ClientCall, nowMs: number): Subchannel | undefined {
    const { ejections } = this;
    // A call that tries one that is silent would wait with it: the first byte that it sends makes it worth one.
    if (ejections.trialDue?.silent === false && this.#isReady(ejections.trialDue)) {
      const trial = ejections.takeTrial(call, nowMs);
      if (trial !== undefined) return trial;
    }
    if (this.limits.isEngaged) return this.#pickWithinLimits(call, nowMs);
    return this.#sole ?? this.#choose(call.tried, call, nowMs);
  }

  /** Those that have as many calls as they may count as tried. */
  #pickWithinLimits(call: ClientCall, nowMs: number): Subchannel | undefined {
    const full = [...this.#subchannels.values()].filter((subchannel) => this.limits.isFull(subchannel));
    const picked =
      this.#choose([...full, ...(call.tried ?? [])], call, nowMs) ?? this.#choose(full, call, nowMs);
    return picked !== undefined && full.includes(picked) ? undefined : picked;
  }

  #choose(
    tried: readonly Subchannel[] | undefined,
    { metadata }: ClientCall,
    nowMs: number,
  ): Subchannel | undefined {
    const { balancer, hashHeader } = this.#options;
    const keyText = hashHeader === undefined ? undefined : findField(metadata, hashHeader);
    const key = keyText === undefined ? undefined : hashKey(keyText);
    const picked =
      balancer.pick(tried, nowMs, key) ??
      (tried === undefined ? undefined : balancer.pick(undefined, nowMs, key));
    const probed = balancer.probeTargets?.(nowMs);
    if (probed !== undefined) for (let i = 0; i < probed.length; i++) probed[i]?.probeLoad(nowMs);
    return picked;
  }

  /** Whether a further attempt of a call would have an instance to itself. */
  hasReadyBesides(tried: readonly Subchannel[] | undefined): boolean {
    for (const subchannel of this.#subchannels.values()) {
      if (this.#isReady(subchannel) && this.#isAvailable(subchannel) && tried?.includes(subchannel) !== true)
        return true;
    }
    return false;
  }

  /** The one place that hears of the end of every attempt that had an instance, whatever came of it. */
  attemptEnded(call: ClientCall, subchannel: Subchannel): void {
    subchannel.inFlight--;
    subchannel.ended++;
    if (call.error !== undefined || this.limits.isEngaged) this.#noteForLimits(call, subchannel);
    const { balancer, clock } = this.#options;
    if (this.#options.readsOrca && call.trailers !== undefined)
      this.#readOrca(call.trailers.fields, subchannel);
    const learner = this.#sole === undefined && balancer.ended !== undefined ? balancer : undefined;
    const standing = subchannel === this.#sole ? undefined : subchannel.standing;
    const { counts } = call;
    if (learner === undefined && standing === undefined && counts === undefined) return;
    // A good answer has just arrived, and when is known already.
    const arrivedAtMs = call.error === undefined ? call.askedSession?.usedAtMs : undefined;
    const nowMs = arrivedAtMs ?? clock.now();
    if (counts !== undefined)
      subchannel.counts?.ended(counts, call.status, (nowMs - call.attemptStartedAtMs) / 1000);
    if (learner === undefined && standing === undefined) return;
    const latencyMs = nowMs - Math.max(call.sentAtMs, call.attemptStartedAtMs);
    const outcome = attemptOutcome(call);
    learner?.ended?.(subchannel, nowMs, latencyMs, outcome);
    if (standing !== undefined) this.ejections.attemptEnded(call, standing, nowMs, latencyMs, outcome);
  }

  #noteForLimits(call: ClientCall, subchannel: Subchannel): void {
    const wasEngaged = this.limits.isEngaged;
    this.limits.attemptEnded(call, subchannel);
    // There is room for one more, of those that came for a place in vain.
    if (wasEngaged && this.#waiters.size > 0) this.#waiters.serveFirst();
  }

  /** Another balancer for the calls to come. What stands on the instances, such as calls in flight, stays with them. */
  use(balancing: Pick<EndpointsOptions, "balancer" | "asksAlways" | "readsOrca">): void {
    this.#options = { ...this.#options, ...balancing };
    this.#updateReady();
  }

  #readOrca(trailers: Fields, subchannel: Subchannel): void {
    const report = readOrcaReport(trailers);
    const { balancer, clock } = this.#options;
    if (report !== undefined) balancer.reported?.(subchannel, clock.now(), report, false);
  }

  /** Calls the waiter back when an instance is ready, or when its time is up. */
  wait(waiter: Waiter): void {
    this.start();
    if (this.#resting) this.#wake();
    const { maxWaitMs } = this.limits;
    if (this.#isFull() && maxWaitMs === 0) return waiter.onNoInstance(this.limits.refusal());
    const waitMs = this.#isFull() ? maxWaitMs : waiter.call.policy.waitForReadyMs;
    this.#waiters.add(waiter, this.#options.clock.now() + waitMs);
  }

  /** There are instances, but all have as many calls as they may. */
  #isFull(): boolean {
    return this.limits.isEngaged && [...this.#subchannels.values()].some(({ state }) => state === "ready");
  }

  withdraw(waiter: Waiter): void {
    this.#waiters.remove(waiter);
  }

  /** Ends the watch and closes every way: at once, or when its calls have ended. */
  close(mode: "drain" | "now"): void {
    this.#stop.abort();
    this.#idleTimer?.cancel();
    this.ejections.close();
    for (const subchannel of this.#subchannels.values()) {
      if (mode === "now") subchannel.destroy();
      else subchannel.shutdown();
    }
    this.#subchannels.clear();
    this.#sole = undefined;
    this.#options.balancer.update([]);
    const closed = () => new HeddleError("closed", { what: `the client of ${this.#options.target.text}` });
    this.#waiters.close(closed);
    // A server may have asked for a wait of any length; there is nothing left to wait for.
    for (const call of this.pausing) call.abort(closed());
  }

  async #watch(): Promise<void> {
    const { resolver, target, timers } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        for await (const update of resolver.watch(target, signal)) {
          const change = this.#set.apply(update);
          if (change.resync) break;
          const { serviceConfig } = this.#set;
          if (serviceConfig !== this.#serviceConfig) {
            this.#serviceConfig = serviceConfig;
            this.#options.onServiceConfig(serviceConfig);
          }
          this.#apply(change);
        }
      } catch (error) {
        this.#resolveError = error instanceof Error ? error.message : String(error);
      }
      // A resolver loops by itself; when one ends all the same, ask again, but not in a hot loop.
      if (!signal.aborted) await new Promise<void>((resolve) => timers.after(1000, resolve));
    }
  }

  #apply({ added, changed, removed }: EndpointChange): void {
    for (const endpoint of removed) this.#drop(endpoint.id);
    const { subset } = this.#options;
    const all = this.#set.endpoints;
    const wasSubset = this.#isSubset;
    this.#isSubset = all.size > subset.above;
    if (this.#isSubset) {
      const ours = subsetOf([...all.values()], subset.size, this.#subsetSeed);
      const ids = new Set(ours.map(({ id }) => id));
      for (const id of this.#subchannels.keys()) if (!ids.has(id)) this.#drop(id);
      for (const endpoint of ours) this.#follow(endpoint);
    } else for (const endpoint of wasSubset ? all.values() : [...added, ...changed]) this.#follow(endpoint);
    this.#updateReady();
  }

  /** Discovery says this of an instance. */
  #follow(endpoint: Endpoint): void {
    const subchannel = this.#subchannels.get(endpoint.id);
    if (subchannel !== undefined && !endpoint.draining && this.#leadsTo(subchannel, endpoint)) {
      subchannel.weight = endpoint.weight;
      subchannel.zone = endpoint.zone;
      subchannel.unhealthy = endpoint.health === "unhealthy";
      return;
    }
    this.#drop(endpoint.id);
    this.#add(endpoint);
  }

  /** What a connection depends on is as it was. */
  #leadsTo({ addresses, secure }: Subchannel, { address, otherAddresses, tls }: Endpoint): boolean {
    const wantsTls =
      this.#options.tls !== undefined || (tls === true && this.#options.hintedTls !== undefined);
    const now = [address, ...otherAddresses];
    return (
      secure === wantsTls &&
      addresses.length === now.length &&
      addresses.every((known, i) => known === now[i])
    );
  }

  #add(endpoint: Endpoint): void {
    if (endpoint.draining || this.#stop.signal.aborted) return;
    const { id, address, otherAddresses, weight, zone } = endpoint;
    const { tls } = this.#options;
    const subchannel = new Subchannel({
      ...this.#options,
      id,
      address,
      otherAddresses,
      weight,
      zone,
      tls: tls ?? (endpoint.tls === true ? this.#tlsForHinted() : undefined),
      onState: ({ state }) => {
        if (state === "ready") this.ejections.reconnected(subchannel);
        this.health.follow(subchannel);
        this.#updateReady();
      },
      onSilence: (_, session) => this.#onSilence(subchannel, session),
      onLoad: (_, load, probed) => {
        const nowMs = this.#options.clock.now();
        this.#options.balancer.reported?.(subchannel, nowMs, load, probed);
        this.ejections.reported(subchannel, nowMs, load);
      },
    });
    subchannel.counts = this.#options.counts?.ofInstance(id, endpoint.service);
    this.ejections.join(subchannel);
    subchannel.unhealthy = endpoint.health === "unhealthy";
    this.#subchannels.set(id, subchannel);
    if (!this.#resting) subchannel.connect();
  }

  #tlsForHinted(): ClientTls | undefined {
    this.#hintedTls ??= this.#options.hintedTls?.();
    return this.#hintedTls;
  }

  #wake(): void {
    this.#resting = false;
    this.#wokenAtMs = this.#options.clock.now();
    for (const subchannel of this.#subchannels.values()) subchannel.connect();
    this.#armIdleTimer(this.#options.idleTimeoutMs);
  }

  #armIdleTimer(delayMs: number): void {
    if (delayMs < Number.POSITIVE_INFINITY && !this.#stop.signal.aborted)
      this.#idleTimer = this.#options.timers.after(delayMs, () => this.#restWhenIdle());
  }

  /** Looks only now and then when the last call was: no call pays for it. */
  #restWhenIdle(): void {
    const { clock, idleTimeoutMs } = this.#options;
    const nowMs = clock.now();
    const subchannels = [...this.#subchannels.values()];
    const isBusy = this.#waiters.size > 0 || subchannels.some(({ inFlight }) => inFlight > 0);
    const usedAtMs = isBusy
      ? nowMs
      : Math.max(this.#wokenAtMs, ...subchannels.map(({ usedAtMs }) => usedAtMs));
    const leftMs = usedAtMs + idleTimeoutMs - nowMs;
    if (leftMs > 0) return this.#armIdleTimer(Math.min(leftMs, idleTimeoutMs));
    this.#resting = true;
    for (const subchannel of subchannels) subchannel.rest();
  }

  #drop(id: string): void {
    const subchannel = this.#subchannels.get(id);
    this.#subchannels.delete(id);
    if (subchannel === undefined) return;
    this.ejections.leave(subchannel);
    subchannel.counts?.release(this.#options.clock.now());
    subchannel.shutdown();
  }

  #onSilence(subchannel: Subchannel, session: Session): void {
    this.#updateReady();
    if (session.silent === true && this.hasReadyBesides([subchannel])) session.releaseCalls?.();
  }

  /** Gets calls if there are enough such as it. */
  #isAvailable(subchannel: Subchannel): boolean {
    return !subchannel.unhealthy && !subchannel.silent && !this.ejections.isOut(subchannel);
  }

  /** Connected, and serving where it is asked for that: no other can get calls, however few there are. */
  #isReady(subchannel: Subchannel): boolean {
    return subchannel.state === "ready" && this.health.faultOf(subchannel) === undefined;
  }

  #updateReady(): void {
    if (this.#stop.signal.aborted) return;
    const ready = [...this.#subchannels.values()].filter((subchannel) => this.#isReady(subchannel));
    this.ejections.resize(ready);
    const available = healthyOrAll(ready, (subchannel) => this.#isAvailable(subchannel));
    this.available = available.length;
    this.#sole = available.length === 1 && !this.#options.asksAlways ? available[0] : undefined;
    this.#options.balancer.update(available, this.#options.clock.now());
    if (ready.length === 0 || this.#waiters.size === 0) return;
    this.#waiters.serveAll((waiter) => this.wait(waiter));
  }

  #whyNone(waitForReadyMs: number): HeddleError {
    const { target } = this.#options;
    if (this.#isFull()) return this.limits.refusal();
    const subchannels = [...this.#subchannels.values()];
    if (subchannels.length > 0) {
      const reasons = new Set(
        subchannels.map((subchannel) => {
          const { address, state, lastError } = subchannel;
          return this.health.faultOf(subchannel) ?? (lastError || `${address} is ${state}`);
        }),
      );
      return new HeddleError("noneReady", {
        target: target.text,
        count: subchannels.length,
        reason: [...reasons].slice(0, 3).join("; "),
      });
    }
    const reason = this.#set.complete
      ? "discovery answered, and none is registered"
      : `discovery did not answer within ${waitForReadyMs} ms${this.#resolveError === "" ? "" : ` (${this.#resolveError})`}`;
    return new HeddleError("noInstance", { target: target.text, reason });
  }
}
