/**
 * What choosing costs the caller: one pick among so many instances, and all that a call tells and asks a policy besides (its
 * end, the probes that it entails, and their answers). Calls overlap, and answers to probes come after the next calls, as
 * they do in a client; time is virtual, so that nothing else is measured.
 *
 * Each policy has a thread of its own: code that has met several is compiled for all of them, and a client has one.
 */
import {
  type Balancer,
  type BalancerPolicyName,
  type Candidate,
  createBalancer,
  type LoadReport,
} from "heddle/balance";
import { createSeededRandom } from "heddle/testing";
import { parentPort, workerData } from "node:worker_threads";

/** What a worker is told to do: the rounds of one policy, by number of instances. */
export interface PickTask {
  readonly policy: BalancerPolicyName;
  readonly instances: readonly number[];
  readonly rounds: number;
  readonly picks: number;
}

export interface PickRow {
  readonly policy: BalancerPolicyName;
  readonly instances: number;
  /** Of each round, in nanoseconds. */
  readonly pickNs: readonly number[];
  readonly callNs: readonly number[];
}

const MS_BETWEEN_CALLS = 0.1;
const CALLS_IN_FLIGHT = 64;
const PROBES_UNDER_WAY = 8;

function run({ policy, instances, rounds, picks }: PickTask): PickRow[] {
  return instances.map((count) => {
    // The first time is for compiling.
    measure(policy, count, picks, 0);
    const measured = Array.from({ length: rounds }, (_, round) => measure(policy, count, picks, round + 1));
    return {
      policy,
      instances: count,
      pickNs: measured.map(({ pickNs }) => pickNs),
      callNs: measured.map(({ callNs }) => callNs),
    };
  });
}

interface Instance extends Candidate {
  readonly speed: number;
}

function measure(policy: BalancerPolicyName, count: number, picks: number, seed: number) {
  const random = createSeededRandom(seed);
  const balancer: Balancer<Instance> = createBalancer<Instance>(policy, { random });
  const fleet = Array.from({ length: count }, (_, i): Instance => {
    return { id: `instance-${i}`, weight: 1, inFlight: 0, speed: 1 + random.below(100) / 100 };
  });
  balancer.update(fleet, 0);
  const running: Instance[] = [];
  const probed: Instance[] = [];
  let nowMs = 0;
  let pickMs = 0;
  const begunMs = performance.now();
  for (let i = 0; i < picks; i++) {
    nowMs += MS_BETWEEN_CALLS;
    const key = random.below(2 ** 32);
    const startedMs = performance.now();
    const picked = balancer.pick(undefined, nowMs, key);
    pickMs += performance.now() - startedMs;
    if (picked === undefined) throw new Error(`${policy} picked nobody`);
    picked.inFlight++;
    running.push(picked);
    if (balancer.probeTargets !== undefined) probed.push(...balancer.probeTargets(nowMs));
    while (probed.length > PROBES_UNDER_WAY) {
      const asked = probed.shift() as Instance;
      balancer.reported?.(asked, nowMs, reportOf(asked), true);
    }
    if (running.length <= CALLS_IN_FLIGHT) continue;
    const ended = running.shift() as Instance;
    ended.inFlight--;
    balancer.ended?.(ended, nowMs, 5 * ended.speed, "ok");
  }
  const perCall = (ms: number) => (ms * 1e6) / picks;
  return {
    pickNs: perCall(pickMs) - clockNs(),
    callNs: perCall(performance.now() - begunMs) - 2 * clockNs(),
  };
}

function reportOf({ inFlight, speed }: Instance): LoadReport {
  return {
    requestsInFlight: 3 + inFlight,
    latencyMs: 5 * speed,
    utilization: 0.5,
    requestsPerSecond: 100,
    errorsPerSecond: 0,
  };
}

/** What one look at the clock costs, which is in each time measured. */
function clockNs(): number {
  const looks = 20_000;
  const startedMs = performance.now();
  for (let i = 0; i < looks; i++) performance.now();
  return ((performance.now() - startedMs) * 1e6) / looks;
}

parentPort?.postMessage(run(workerData as PickTask));
