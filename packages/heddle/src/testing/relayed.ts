/**
 * One connection through a proxy: two sockets, and a flow between them in each direction. The target is dialled while nothing
 * is lost on the way, for the packets that open a connection would be lost, too.
 */
import type { Duplex } from "node:stream";
import { HeddleError } from "../call/errors.ts";
import { dial, type Dialing } from "../connection/dial.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { Flow, type Passing, resetSocket } from "./flow.ts";
import type { WayConnection, WayFaults } from "./way-faults.ts";

export interface RelayedOptions {
  /** The caller's connection. */
  readonly near: Duplex;
  readonly target: string;
  readonly way: WayFaults;
  readonly runtime: Runtime;
  readonly onPassed: (direction: "requests" | "answers", what: Passing) => void;
  /** Both sockets are closed. */
  readonly onGone: () => void;
}

/** Who listens answers on loopback at once; one that does not is as good as gone. */
const DIAL_TIMEOUT_MS = 10_000;

export class Relayed implements WayConnection {
  readonly #options: RelayedOptions;
  readonly #flows: Flow[] = [];
  #far: Duplex | undefined;
  #dialing: Dialing | undefined;
  #dead = false;
  #gone = false;
  readonly #onFaults = () => this.#dial();

  constructor(options: RelayedOptions) {
    this.#options = options;
  }

  start(): void {
    const { near, way } = this.#options;
    near.allowHalfOpen = true;
    near.on("close", () => this.#onClose());
    way.requests.listeners.add(this.#onFaults);
    way.answers.listeners.add(this.#onFaults);
    this.#dial();
  }

  reset(): void {
    resetSocket(this.#options.near);
    if (this.#far !== undefined) resetSocket(this.#far);
    this.close();
  }

  die(): void {
    this.#dead = true;
    for (const flow of this.#flows) flow.die();
  }

  close(): void {
    this.#options.near.destroy();
    this.#far?.destroy();
    this.#finish();
  }

  #dial(): void {
    const { way, target, runtime } = this.#options;
    if (this.#dialing !== undefined || this.#dead || way.requests.blocked || way.answers.blocked) return;
    this.#stopListening();
    this.#dialing = dial(
      { address: target, timeoutMs: DIAL_TIMEOUT_MS, timers: runtime.timers },
      (result) => {
        if (result instanceof HeddleError) this.reset();
        else this.#connected(result.socket);
      },
    );
  }

  #connected(far: Duplex): void {
    const { near, way, runtime, onPassed } = this.#options;
    const { clock, timers } = runtime;
    this.#far = far;
    far.allowHalfOpen = true;
    far.on("error", () => {});
    far.on("close", () => this.#onClose());
    this.#flows.push(
      new Flow({
        from: near,
        to: far,
        faults: way.requests,
        clock,
        timers,
        onPassed: (what) => onPassed("requests", what),
      }),
      new Flow({
        from: far,
        to: near,
        faults: way.answers,
        clock,
        timers,
        onPassed: (what) => onPassed("answers", what),
      }),
    );
    if (this.#dead) this.die();
  }

  #onClose(): void {
    if (this.#options.near.closed && (this.#far === undefined || this.#far.closed)) this.#finish();
  }

  #finish(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#dialing?.cancel();
    this.#stopListening();
    for (const flow of this.#flows) flow.close();
    this.#options.onGone();
  }

  #stopListening(): void {
    const { way } = this.#options;
    way.requests.listeners.delete(this.#onFaults);
    way.answers.listeners.delete(this.#onFaults);
  }
}
