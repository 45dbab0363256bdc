/** The callers of a run: each has a balancer of its own, which sees the whole fleet and knows of nobody else. */
import type { Balancer } from "../balance/balancer.ts";
import type { Fleet } from "./fleet.ts";
import type { RandomStreams } from "./random-streams.ts";
import type { Scenario } from "./scenario.ts";
import type { SimulatedCandidate, SimulatedPolicy } from "./simulated-policy.ts";

export interface Client {
  readonly balancer: Balancer<SimulatedCandidate>;
  /** By replica. */
  readonly candidates: readonly SimulatedCandidate[];
}

export function createClients(
  { clients, replicas }: Scenario,
  policy: SimulatedPolicy,
  fleet: Fleet,
  streams: RandomStreams,
): Client[] {
  return Array.from({ length: clients }, (_, client) => {
    const random = streams("policy", client);
    const balancer = policy.create({ random, client, clients, fleet });
    const candidates = Array.from({ length: replicas }, (__, replica) => ({
      id: `replica-${replica}`,
      weight: 1,
      inFlight: 0,
      replica,
    }));
    balancer.update(candidates, 0);
    return { balancer, candidates };
  });
}
