/**
 * `heddle/testing`: time and randomness in your hands. What tests hand in is what production runs on, so the
 * stack under test is the real one:
 *
 * ```ts
 * const time = createVirtualTime();
 * const runtime = createRuntime({ clock: time, timers: time, random: createSeededRandom(1) });
 * const server = await createServer({ services, listen: "memory:orders", runtime });
 * time.advance(15_000); // deadlines pass, nobody waits
 * ```
 */
export type { Clock } from "../runtime/clock.ts";
export { createSeededRandom, type Random } from "../runtime/random.ts";
export { createRuntime, type Runtime } from "../runtime/runtime.ts";
export type { Cancel, Timer, Timers } from "../runtime/timer.ts";
export { createVirtualTime, type VirtualTime } from "../runtime/virtual-time.ts";
