/**
 * `heddle/testing`: time, randomness and faults in your hands. What tests hand in is what production runs on, so the
 * stack under test is the real one:
 *
 * ```ts
 * const time = createVirtualTime();
 * const runtime = createRuntime({ clock: time, timers: time, random: createSeededRandom(1) });
 * const server = await createServer({ services, listen: "memory:orders", runtime });
 * time.advance(15_000); // deadlines pass, nobody waits
 * ```
 *
 * Faults come to order, in memory and on real sockets (docs/guides/testing-with-faults.md):
 *
 * ```ts
 * await using faults = createFaults({ seed: 7 });
 * faults.between("web", server.address).latency(50, { jitterMs: 10 });
 * const transport = createTransport({ target: await faults.route("web", server.address) });
 * ```
 */
export type { Clock } from "../runtime/clock.ts";
export { createSeededRandom, type Random } from "../runtime/random.ts";
export { createRuntime, type Runtime } from "../runtime/runtime.ts";
export type { Cancel, Timer, Timers } from "../runtime/timer.ts";
export { createVirtualTime, type VirtualTime } from "../runtime/virtual-time.ts";
export { createFaultProxy, type FaultProxy, type FaultProxyOptions, type Passed } from "./fault-proxy.ts";
export { createFaults, type Faults, type FaultsOptions, type PassedOnWay } from "./faults.ts";
export { freezeProcess, type FrozenProcess } from "./frozen-process.ts";
export {
  storeContract as idempotencyStoreContract,
  type StoreUnderTest,
} from "../server/idempotency/store-suite.ts";
export type { InstanceFaults } from "./instance-faults.ts";
export { createJumpingClock, type JumpingClock } from "./jumping-clock.ts";
export type { Faults as DirectionFaults, Way } from "./way-faults.ts";
