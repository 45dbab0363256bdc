/**
 * A relay with faults, between whoever dials its address and one target: TCP, Unix socket or in-process, so that the same
 * words work on real sockets and on the in-memory network.
 *
 * It lives in the test's own process and owns all that passes through it: `close` ends every connection, and nothing of it
 * stays. It holds 1 MiB a direction and connection at most, and `maxConnections` connections.
 */
import type { Duplex } from "node:stream";
import { type Address, parseAddress } from "../call/address.ts";
import { invalidOption } from "../call/check-option.ts";
import { HeddleError } from "../call/errors.ts";
import { createSeededRandom } from "../runtime/random.ts";
import { type Runtime, systemRuntime } from "../runtime/runtime.ts";
import { listen, type Listener } from "../server/listener.ts";
import { resetSocket } from "./flow.ts";
import { Relayed } from "./relayed.ts";
import { type Way, WayFaults } from "./way-faults.ts";

export interface FaultProxyOptions {
  /** Where connections go: `host:port`, `unix:/path` or `memory:name`. It need not listen yet. */
  readonly target: string;
  /**
   * Where it listens. Default: a port of 127.0.0.1 that the system chooses; for a target in memory its name with
   * `via>` before it.
   */
  readonly listen?: string;
  /** Of jitter and loss. Default 1. In memory and virtual time a run with the same seed is the same run. */
  readonly seed?: number;
  /** Connections at once; further ones are reset. Default 1 000. */
  readonly maxConnections?: number;
  /** Told of all that arrives on the other side, synchronously: a transcript, to compare runs by. */
  readonly onPassed?: (passed: Passed) => void;
  /** Time and timers. Default: the process's. */
  readonly runtime?: Runtime;
}

/** Something that has arrived. */
export interface Passed {
  /** By the runtime's clock. */
  readonly atMs: number;
  /** Of the connection, counted from 1. */
  readonly connection: number;
  readonly direction: "requests" | "answers";
  /** A chunk, or how the connection ended. The bytes are not a copy. */
  readonly what: Uint8Array | "end" | "reset";
}

export interface FaultProxy extends Way, AsyncDisposable {
  /** Dial this in the place of the target. */
  readonly address: string;
  /** Connections that are open. */
  readonly connections: number;
  /** Ends all connections and listens no more. Closing twice is harmless. */
  close(): Promise<void>;
}

/** Listens at once. Throws `listenFailed`, and `optionInvalid` for a target that is no address. */
export async function createFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new RunningProxy(options);
  await proxy.open();
  return proxy;
}

/** One that may not listen yet: what is wrong on it can be said before anybody dials. */
export class RunningProxy extends WayFaults implements FaultProxy {
  readonly #options: FaultProxyOptions;
  readonly #runtime: Runtime;
  readonly #target: Address;
  #accepted = 0;
  #listening: Promise<Listener> | undefined;
  #address = "";
  #closed = false;

  constructor(options: FaultProxyOptions) {
    const { seed = 1, target, runtime = systemRuntime } = options;
    // A sequence for each direction: what happens in one does not change the other.
    super(createSeededRandom(seed * 2), createSeededRandom(seed * 2 + 1));
    const parsed = parseAddress(target);
    if (typeof parsed === "string") throw invalidOption("target", parsed);
    this.#options = options;
    this.#runtime = runtime;
    this.#target = parsed;
  }

  get address(): string {
    return this.#address;
  }

  get connections(): number {
    return this.standing.size;
  }

  async open(): Promise<string> {
    if (this.#closed) throw new HeddleError("closed", { what: `the proxy of ${this.#options.target}` });
    this.#listening ??= listen(this.#options.listen ?? addressFor(this.#target), {}, (near) =>
      this.#accept(near),
    );
    const { address } = await this.#listening;
    this.#address = address;
    return address;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const connection of this.standing) connection.close();
    await (await this.#listening?.catch(() => undefined))?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #accept(near: Duplex): void {
    near.on("error", () => {});
    const { target, maxConnections = 1000, onPassed } = this.#options;
    if (this.#closed || this.refusing || this.standing.size >= maxConnections) return resetSocket(near);
    const number = ++this.#accepted;
    const connection = new Relayed({
      near,
      target,
      way: this,
      runtime: this.#runtime,
      onPassed: (direction, what) =>
        onPassed?.({ atMs: this.#runtime.clock.now(), connection: number, direction, what }),
      onGone: () => {
        this.standing.delete(connection);
      },
    });
    this.standing.add(connection);
    connection.start();
  }
}

/** Where the stand-in of a target listens. */
function addressFor(target: Address): string {
  return target.kind === "memory" ? `memory:via>${target.name}` : "127.0.0.1:0";
}
