/**
 * What a server says of itself, to everybody who asks: gRPC's health service, the pages for probes, the registry. One
 * machine, so that no two of them can disagree.
 *
 *     starting ──► ready ◄──► unready
 *         └──────────┴───────────┴──► draining ──► stopped
 *
 * It is ready while nothing holds it up. Holds have names (the start itself, a check, the program's own word), because
 * several may have a reason at once and each can only take back its own. Whoever leaves does not come back: from
 * `draining` on holds and statuses are noted and change nothing.
 */

/**
 * - `starting`: has not been ready yet
 * - `ready`: wants calls
 * - `unready`: answers, but wants no calls for now
 * - `draining`: answers, and is about to go away for good
 * - `stopped`: takes no calls
 */
export type ServerPhase = "starting" | "ready" | "unready" | "draining" | "stopped";

/** How one service of a server is. The words of gRPC's health protocol. */
export type ServingStatus = "serving" | "not_serving";

/** The name under which the start itself holds the server up. */
const START = "start";

export class ServerState {
  /** Name of who holds it up → why. */
  readonly #holds = new Map<string, string>([[START, "it is starting"]]);
  readonly #services: Map<string, ServingStatus>;
  readonly #listeners = new Set<() => void>();
  #wasReady = false;
  /** Why it leaves; undefined while it stays. */
  #leaving: string | undefined = undefined;
  #stopped = false;

  /** All `services` are serving, as soon as the server is ready. */
  constructor(services: readonly string[]) {
    this.#services = new Map(services.map((service) => [service, "serving"]));
  }

  get phase(): ServerPhase {
    if (this.#stopped) return "stopped";
    if (this.#leaving !== undefined) return "draining";
    if (this.#holds.size === 0) return "ready";
    return this.#wasReady ? "unready" : "starting";
  }

  /** Why it is not ready; empty when it is. */
  get reason(): string {
    return this.#leaving ?? [...this.#holds.values()].filter((reason) => reason !== "").join("; ");
  }

  /** Every service that is known, with its status as `statusOf` gives it; that of the whole is "". */
  get statuses(): ReadonlyMap<string, ServingStatus> {
    const names = ["", ...this.#services.keys()];
    return new Map(names.map((name) => [name, this.statusOf(name) as ServingStatus]));
  }

  /**
   * How a service is; "" asks for the server as a whole, which serves when it is ready and one of its services serves.
   * Undefined for a service that is not known.
   */
  statusOf(service: string): ServingStatus | undefined {
    const own = service === "" ? this.#ofAll() : this.#services.get(service);
    return own === undefined || this.phase === "ready" ? own : "not_serving";
  }

  /** It listens: from now on it is ready unless something else holds it up. */
  started(): void {
    this.release(START);
  }

  /** Not ready, until `name` is released. A second reason under the same name takes the place of the first. */
  hold(name: string, reason: string): void {
    this.#change(() => this.#holds.set(name, reason));
  }

  release(name: string): void {
    this.#change(() => this.#holds.delete(name));
  }

  /** One service, whatever the others are. A service that was not known is from now on. */
  set(service: string, status: ServingStatus): void {
    this.#change(() => this.#services.set(service, status));
  }

  /** It goes away. Only the first reason counts. */
  drain(reason: string): void {
    this.#change(() => (this.#leaving ??= reason));
  }

  stop(reason: string): void {
    this.#change(() => {
      this.#leaving ??= reason;
      this.#stopped = true;
    });
  }

  /** Calls `listener` after each change that somebody who asks could see. Returns what ends that. */
  observe(listener: () => void): () => void {
    const own = () => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  #ofAll(): ServingStatus {
    const { size } = this.#services;
    return size === 0 || [...this.#services.values()].includes("serving") ? "serving" : "not_serving";
  }

  #change(change: () => void): void {
    const before = this.#visible();
    change();
    this.#wasReady ||= this.phase === "ready";
    if (this.#visible() === before) return;
    for (const listener of Array.from(this.#listeners)) listener();
  }

  #visible(): string {
    return [this.phase, this.reason, ...[...this.statuses].flat()].join("\n");
  }
}
