/**
 * Faults to order, for a whole system: who can reach whom, which instance misbehaves, what is frozen. One seed decides all
 * jitter, loss and error rates, each way and each instance with a sequence of its own, so that another one more changes nothing
 * for the others.
 *
 * Ways are relays inside the test's process (`fault-proxy.ts`); a caller is put on them by the address that it dials
 * (`route`) or by its resolver (`resolver`).
 */
import type { ChildProcess } from "node:child_process";
import { parseAddress } from "../call/address.ts";
import type { Resolver } from "../discovery/resolver.ts";
import { createSeededRandom } from "../runtime/random.ts";
import { type Runtime, systemRuntime } from "../runtime/runtime.ts";
import { type Passed, RunningProxy } from "./fault-proxy.ts";
import { createFaultyResolver } from "./faulty-resolver.ts";
import { freezeProcess, type FrozenProcess } from "./frozen-process.ts";
import { type InstanceFaults, RunningInstanceFaults } from "./instance-faults.ts";
import { createJumpingClock, type JumpingClock } from "./jumping-clock.ts";
import type { Way } from "./way-faults.ts";

export interface FaultsOptions {
  /** Default 1. In memory and virtual time a run with the same seed is the same run, byte for byte. */
  readonly seed?: number;
  /** Time and timers. Default: the process's. */
  readonly runtime?: Runtime;
  /** Told of all that arrives on any way, synchronously: a transcript, to compare runs by. */
  readonly onPassed?: (passed: PassedOnWay) => void;
}

export interface PassedOnWay extends Passed {
  readonly caller: string;
  readonly callee: string;
}

export interface Faults extends AsyncDisposable {
  /**
   * The way from a caller, under a name of your choice, to the instance that listens at `callee`. The same two give the
   * same way, whether anybody is on it yet or not.
   */
  between(caller: string, callee: string): Way;
  /**
   * The address that the caller dials in the place of `callee`. Of an address in memory it is `memory:caller>name`, else
   * a port of 127.0.0.1.
   */
  route(caller: string, callee: string): Promise<string>;
  /** What `inner` finds, reached by ways of the caller: for clients with more than one instance. */
  resolver(caller: string, inner: Resolver): Resolver;
  /** Every way from one of the callers to one of the callees is a black hole, until `heal`. */
  partition(callers: readonly string[], callees: readonly string[]): void;
  /** What is wrong with an instance itself; the same name gives the same. */
  instance(name: string): InstanceFaults;
  /** Freezes a child process until it is thawed or `heal` is called. See `freezeProcess`. */
  freeze(child: ChildProcess): FrozenProcess;
  /** A clock that can jump, on top of the runtime's. */
  clock(): JumpingClock;
  /** Nothing is wrong any more: ways, instances, processes. Clocks stay where they are. */
  heal(): void;
  /** Heals, and ends all ways with their connections. Disposal does the same. */
  close(): Promise<void>;
}

export function createFaults({ seed = 1, runtime = systemRuntime, onPassed }: FaultsOptions = {}): Faults {
  const ways = new Map<string, RunningProxy>();
  const instances = new Map<string, RunningInstanceFaults>();
  const frozen = new Set<FrozenProcess>();

  function between(caller: string, callee: string): RunningProxy {
    const name = `${caller}>${callee}`;
    let way = ways.get(name);
    if (way === undefined) {
      const parsed = parseAddress(callee);
      const inMemory = typeof parsed !== "string" && parsed.kind === "memory";
      way = new RunningProxy({
        target: callee,
        seed: seedOf(seed, name),
        runtime,
        ...(inMemory ? { listen: `memory:${caller}>${parsed.name}` } : {}),
        ...(onPassed === undefined
          ? {}
          : { onPassed: (passed: Passed) => onPassed({ caller, callee, ...passed }) }),
      });
      ways.set(name, way);
    }
    return way;
  }

  function heal(): void {
    for (const way of ways.values()) way.heal();
    for (const instance of instances.values()) instance.heal();
    for (const process of frozen) process.thaw();
    frozen.clear();
  }

  async function close(): Promise<void> {
    heal();
    await Promise.all([...ways.values()].map((way) => way.close()));
  }

  return {
    between,
    route: (caller, callee) => between(caller, callee).open(),
    resolver: (caller, inner) => createFaultyResolver(inner, (callee) => between(caller, callee).open()),
    partition(callers, callees) {
      for (const caller of callers) for (const callee of callees) between(caller, callee).blackHole();
    },
    instance(name) {
      let faults = instances.get(name);
      if (faults === undefined) {
        faults = new RunningInstanceFaults(
          name,
          createSeededRandom(seedOf(seed, `instance ${name}`)),
          runtime.timers,
        );
        instances.set(name, faults);
      }
      return faults;
    },
    freeze(child) {
      const process = freezeProcess(child);
      frozen.add(process);
      return process;
    },
    clock: () => createJumpingClock(runtime.clock),
    heal,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The seed of one sequence: FNV-1a of its name, from the run's seed on. */
function seedOf(seed: number, name: string): number {
  let hash = (seed ^ 0x811c9dc5) | 0;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
