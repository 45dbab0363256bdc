/**
 * The balancer of a channel: its policy, and around it slow start, where it is asked for, and, where the client knows its
 * zone, the preference for instances of the same zone. They get the calls while they are enough: as many as an even
 * share of all zones would be, for otherwise the only instance of a zone would drown in the calls of all its clients.
 * What is too much for them spills over to the other zones (`locality-priority.ts`). Instances that fail are none of its
 * business: they are ejected from the set before (`ejections.ts`).
 */
import type { Balancer, Candidate } from "../balance/balancer.ts";
import { createLocalityPriority } from "../balance/locality-priority.ts";
import { type BalancerPolicy, createBalancer } from "../balance/policies.ts";
import { createSlowStart, type SlowStarting } from "../balance/slow-start.ts";
import type { Subchannel } from "../connection/subchannel.ts";
import type { Random } from "../runtime/random.ts";

export interface ChannelBalancerOptions {
  readonly policy: BalancerPolicy;
  readonly random: Random;
  /** Where the client runs; undefined: zones do not matter. */
  readonly zone: string | undefined;
  /** Time in which the weight of a new instance grows to what it is, in ms. 0: it is there at once. */
  readonly slowStartMs: number;
  /** All instances, those that are not ready too. */
  readonly instances: () => Iterable<Subchannel>;
}

export function createChannelBalancer({
  policy,
  random,
  zone,
  slowStartMs,
  instances,
}: ChannelBalancerOptions): Balancer<Subchannel> {
  const create = <C extends Candidate>() => createBalancer<C>(policy, { random, avoidFailing: false });
  const createInner = () =>
    slowStartMs === 0
      ? create<Subchannel>()
      : createSlowStart<Subchannel>({ createInner: create<SlowStarting>, windowMs: slowStartMs });
  if (zone === undefined) return createInner();
  return createLocalityPriority<Subchannel>({
    random,
    createInner,
    levelOf: (subchannel) => (subchannel.zone === zone ? OWN_ZONE : OTHER_ZONES),
    sizeOf: (level) => {
      const all = [...instances()];
      const own = all.filter((subchannel) => subchannel.zone === zone).length;
      if (level === OTHER_ZONES) return all.length - own;
      return Math.max(own, all.length / new Set(all.map((subchannel) => subchannel.zone)).size);
    },
  });
}

const OWN_ZONE = 0;
const OTHER_ZONES = 1;
