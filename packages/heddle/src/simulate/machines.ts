/**
 * The machines that the replicas run on, and who else runs there. A replica is guaranteed its allocation; beyond it
 * it gets what its neighbours ("antagonists") leave. That is why a fleet may run above its allocation at all, and
 * why some of its replicas then fail while others have cores to spare: the situation for which Prequal was made.
 *
 * The model: the cores at hand are allocation × headroom, and the headroom of a machine is lognormal around a mean
 * of its own, drawn again every so often. Isolation is not perfect: a replica that wants more than it gets is
 * slowed as a whole, and some machines may be hobbled for a while. Everything is drawn before a run, so that all
 * policies meet the same machines at the same times.
 */
import { drawExponential, drawNormal } from "./distributions.ts";
import type { RandomStreams } from "./random-streams.ts";
import type { Capacity } from "./server-model.ts";

export interface Machines {
  /** Guaranteed to each replica, in cores. 100 % of load means that all of it is used on average. */
  readonly cores: number;
  /** Speed of a replica's hardware, relative to nominal. Default 1 for all. */
  speedOf?(replica: number): number;
  readonly antagonists?: Antagonists;
  readonly hobbling?: Hobbling;
}

export interface Antagonists {
  /** Median over the machines of cores at hand over cores allocated. */
  readonly medianHeadroom: number;
  /** Standard deviation of its logarithm between machines. */
  readonly between: number;
  /** The same within one machine, from one dwelling to the next. */
  readonly within: number;
  /** Mean time for which the headroom of a machine stays, exponential. */
  readonly dwellMs: number;
  /** Of the guarantee that is left when the antagonists take all: 1 where isolation holds. */
  readonly leastHeadroom: number;
  /** Cores of the machine over cores allocated. */
  readonly mostHeadroom: number;
  /** See `Capacity`. 1 where isolation is perfect. */
  readonly contendedSpeed: number;
}

/** For a while nothing is left beyond the allocation, and every job runs slower. */
export interface Hobbling {
  /** Share of machines that are hobbled at any time. */
  readonly share: number;
  readonly speed: number;
  /** Mean time for which it lasts, exponential. */
  readonly lastsMs: number;
}

/** Changes of capacity, in the order of time. The first of each replica is at 0. */
export interface CapacityChange extends Capacity {
  readonly atNs: number;
  readonly replica: number;
}

export function drawCapacity(
  machines: Machines,
  replicas: number,
  untilMs: number,
  streams: RandomStreams,
): CapacityChange[] {
  const changes: CapacityChange[] = [];
  for (let replica = 0; replica < replicas; replica++) {
    const { antagonists, hobbling } = machines;
    const headroom = antagonists
      ? drawHeadroom(antagonists, untilMs, streams, replica)
      : [{ atMs: 0, value: 1 }];
    const hobbled = hobbling ? drawHobbling(hobbling, untilMs, streams, replica) : [{ atMs: 0, value: 0 }];
    const speed = machines.speedOf?.(replica) ?? 1;
    for (const atMs of new Set([...headroom, ...hobbled].map((step) => step.atMs))) {
      const isHobbled = valueAt(hobbled, atMs) === 1;
      changes.push({
        atNs: Math.round(atMs * 1e6),
        replica,
        cores: machines.cores * (isHobbled ? Math.min(1, valueAt(headroom, atMs)) : valueAt(headroom, atMs)),
        speed: isHobbled ? speed * (hobbling?.speed ?? 1) : speed,
        contendedSpeed: antagonists?.contendedSpeed ?? 1,
      });
    }
  }
  return changes.sort((a, b) => a.atNs - b.atNs || a.replica - b.replica);
}

/** A value that holds from `atMs` on. */
interface Step {
  readonly atMs: number;
  readonly value: number;
}

function drawHeadroom(
  antagonists: Antagonists,
  untilMs: number,
  streams: RandomStreams,
  replica: number,
): Step[] {
  const { medianHeadroom, between, within, dwellMs, leastHeadroom, mostHeadroom } = antagonists;
  const random = streams("headroom", replica);
  const own = Math.log(medianHeadroom) + between * drawNormal(random);
  const steps: Step[] = [];
  for (let atMs = 0; atMs < untilMs; atMs += dwellMs * drawExponential(random)) {
    const drawn = Math.exp(own + within * drawNormal(random));
    steps.push({ atMs, value: Math.min(mostHeadroom, Math.max(leastHeadroom, drawn)) });
  }
  return steps;
}

/** 1 while hobbled, 0 otherwise; at 0 in its stationary state. */
function drawHobbling(
  { share, lastsMs }: Hobbling,
  untilMs: number,
  streams: RandomStreams,
  replica: number,
): Step[] {
  const random = streams("hobbling", replica);
  const pausesMs = (lastsMs * (1 - share)) / share;
  const steps: Step[] = [];
  let value = random.next() < share ? 1 : 0;
  for (let atMs = 0; atMs < untilMs; value = 1 - value) {
    steps.push({ atMs, value });
    atMs += (value === 1 ? lastsMs : pausesMs) * drawExponential(random);
  }
  return steps;
}

function valueAt(steps: readonly Step[], atMs: number): number {
  return (steps.findLast((step) => step.atMs <= atMs) as Step).value;
}
