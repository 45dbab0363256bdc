/**
 * The health of a running server, as its program sets it and as everybody else sees it.
 */
import { oneOf } from "../call/check-option.ts";
import { oneLine } from "../call/one-line.ts";
import { type ServerPhase, ServerState, type ServingStatus } from "../health/server-state.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { startHealthChecks } from "./health-checks.ts";
import type { ResolvedHealthOptions } from "./health-options.ts";
import { healthPages } from "./health-pages.ts";
import { createHealthService, type HealthService } from "./health-service.ts";
import type { HttpPage } from "./http-page.ts";
import type { Implementation } from "./implement.ts";

export interface ServerHealth {
  /** `starting`, `ready`, `unready`, `draining` or `stopped`. */
  readonly phase: ServerPhase;
  /** Why it is not ready; empty when it is. */
  readonly reason: string;
  /** How a service is, or the server as a whole (default); undefined for a service that is not known. */
  status(service?: string): ServingStatus | undefined;
  /**
   * `ready(false, "the cache is cold")`: answers calls, and asks for none until `ready(true)`. Probes, watchers and the
   * registry hear of it at once.
   */
  ready(isReady: boolean, reason?: string): void;
  /**
   * Sets one service, by its full name, for those who ask for it by name; "" is the same as `ready`. The registry hears of
   * it when no service is left that serves.
   */
  set(service: string, status: ServingStatus): void;
  /**
   * Says for good that it wants no more calls, and goes on answering them: the first step of going away, for a program
   * that takes it by itself. `close` does it too.
   */
  drain(reason?: string): void;
  /** Calls `listener` after each change of what is above. Disposing the result ends that. */
  onChange(listener: () => void): Disposable;
}

const OWN_WORD = "own word";

export class RunningHealth implements ServerHealth {
  /** For what asks in other ways. */
  readonly state: ServerState;
  readonly #options: ResolvedHealthOptions;
  readonly #service: HealthService;
  #checks: Disposable | undefined;

  constructor(services: readonly string[], options: ResolvedHealthOptions) {
    this.state = new ServerState(services);
    this.#options = options;
    this.#service = createHealthService(this.state);
  }

  /** What it is served with. */
  get implementations(): readonly Implementation[] {
    return this.#options.service ? [this.#service.implementation] : [];
  }

  get pages(): readonly HttpPage[] {
    return this.#options.pages ? healthPages(this.state) : [];
  }

  get phase(): ServerPhase {
    return this.state.phase;
  }

  get reason(): string {
    return this.state.reason;
  }

  status(service = ""): ServingStatus | undefined {
    return this.state.statusOf(service);
  }

  ready(isReady: boolean, reason = "it says so itself"): void {
    if (isReady) this.state.release(OWN_WORD);
    else this.state.hold(OWN_WORD, oneLine(reason));
  }

  set(service: string, status: ServingStatus): void {
    oneOf("status", status, ["serving", "not_serving"]);
    if (service === "") this.ready(status === "serving");
    else this.state.set(service, status);
  }

  drain(reason = "it is going away"): void {
    this.state.drain(oneLine(reason));
  }

  onChange(listener: () => void): Disposable {
    return { [Symbol.dispose]: this.state.observe(listener) };
  }

  /** The server listens. */
  start(runtime: Runtime): void {
    this.#checks = startHealthChecks(this.state, runtime, this.#options);
    this.state.started();
  }

  /** The server takes no more calls: watches end, and checks. */
  end(): void {
    this.drain();
    this.#checks?.[Symbol.dispose]();
    this.#service.endWatches();
  }

  /** The server is closed. */
  stop(): void {
    this.state.stop("it is closed");
  }
}
