/**
 * Everything that happens to a fleet whatever its balancer does: when calls come, from whom, how much work they are,
 * how long the network takes, what the machines give. It is drawn once per seed and given to every policy, so that
 * two policies differ by what they chose and by nothing else.
 */
import { drawNormal } from "./distributions.ts";
import { type CapacityChange, drawCapacity } from "./machines.ts";
import { createRandomStreams } from "./random-streams.ts";
import { callsPerSecond, type Scenario } from "./scenario.ts";
import { drawArrivals, drawClients } from "./traffic.ts";

/** Call number i is at index i of each array. */
export interface Trace {
  readonly seed: number;
  readonly atNs: Float64Array;
  readonly client: Int32Array;
  readonly workNs: Float64Array;
  /** To the replica, and back. */
  readonly thereNs: Float64Array;
  readonly backNs: Float64Array;
  readonly capacity: readonly CapacityChange[];
  /** 16 hexadecimal digits of all of the above: two runs with the same hash met the same world. */
  readonly hash: string;
}

export function drawTrace(scenario: Scenario, seed: number): Trace {
  const streams = createRandomStreams(seed);
  const untilMs = scenario.warmUpMs + scenario.measureMs + scenario.coolDownMs;
  const atNs = drawArrivals(scenario.traffic, callsPerSecond(scenario), untilMs, streams);
  const count = atNs.length;
  const client = drawClients(count, scenario.clients, scenario.clientSkew, streams);
  const workStream = streams("work");
  const workNs = new Float64Array(count);
  for (let i = 0; i < count; i++) workNs[i] = Math.round(scenario.work.draw(workStream) * 1e6);
  const networkStream = streams("network");
  const oneWayNs = (scenario.network.roundTripMs / 2) * 1e6;
  const drawDelay = () =>
    Math.round(oneWayNs * Math.exp(scenario.network.jitter * drawNormal(networkStream)));
  const thereNs = new Float64Array(count);
  const backNs = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    thereNs[i] = drawDelay();
    backNs[i] = drawDelay();
  }
  // What still runs when the last call has come is served to its end under the last capacity.
  const capacity = drawCapacity(scenario.machines, scenario.replicas, untilMs, streams);
  const hash = createHash();
  for (const column of [atNs, client, workNs, thereNs, backNs]) column.forEach(hash.add);
  for (const change of capacity) {
    for (const value of [change.atNs, change.replica, change.cores, change.speed, change.contendedSpeed]) {
      hash.add(value);
    }
  }
  return { seed, atNs, client, workNs, thereNs, backNs, capacity, hash: hash.digest() };
}

/** FNV-1a over the bits of numbers, in two lanes of 32 bits: it finds differences, and need not resist attackers. */
function createHash(): { add(value: number): void; digest(): string } {
  const number = new Float64Array(1);
  const words = new Uint32Array(number.buffer);
  let high = 0x811c9dc5;
  let low = 0x01000193;
  return {
    add: (value) => {
      number[0] = value;
      high = Math.imul(high ^ (words[0] as number), 0x01000193);
      high = Math.imul(high ^ (words[1] as number) ^ (high >>> 15), 0x85ebca6b);
      low = Math.imul(low ^ (words[1] as number), 0x0100018d);
      low = Math.imul(low ^ (words[0] as number) ^ (low >>> 13), 0xc2b2ae35);
    },
    digest: () => [high, low].map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join(""),
  };
}
