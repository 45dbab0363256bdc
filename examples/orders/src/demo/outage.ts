/** The experiment in the middle: kills one instance under load, waits until callers know, starts it again. */
import type { CallTally } from "../call-tally.ts";
import type { Burst } from "./burst.ts";
import type { System } from "./system.ts";

export interface Outage {
  readonly instance: string;
  /** Where it was before it was killed. */
  readonly address: string;
  /** Orders that had been answered when it was killed. */
  readonly atOrder: number;
  /** Since the burst began, in ms. */
  readonly killedAtMs: number;
  /** Callers had heard that it was gone; undefined when they hadn't after long. */
  readonly droppedAtMs: number | undefined;
  readonly backAtMs: number;
}

export async function killAndRestart(system: System, instance: string, burst: Burst): Promise<Outage> {
  const address = system.addressOf(instance);
  const atOrder = burst.answered;
  const killedAtMs = burst.elapsedMs;
  await system.kill(instance);
  const droppedAtMs = (await system.dropped(instance)) ? burst.elapsedMs : undefined;
  await system.restart(instance);
  return { instance, address, atOrder, killedAtMs, droppedAtMs, backAtMs: burst.elapsedMs };
}

/** The calls that were in flight on the killed instance. */
export function callsCutBy({ address }: Outage, tallies: readonly CallTally[]) {
  const repeated = tallies
    .flatMap((tally) => tally.repeated)
    .filter(({ lostAt }) => lostAt.includes(address));
  const lost = tallies.flatMap((tally) => tally.instances).filter((entry) => entry.address === address);
  return { lost: lost.reduce((total, entry) => total + entry.lost, 0), repeated };
}
