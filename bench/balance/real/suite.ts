/**
 * `npm run bench -- balance --real`: real processes and real sockets. Ten instances, two of them eight times slower, at 70 %
 * of what they can do; three callers by the clock. Contestants take turns in an order that changes with the round, with
 * new callers each time and the same arrivals, and never share the fleet.
 */
import { startWorker } from "../../discovery/worker.ts";
import type { CallerTasks, Measured } from "./caller.ts";
import { type ContestantName, contestantNames } from "./contestants.ts";
import type { InstanceTasks } from "./instance.ts";
import { startNginx } from "./nginx.ts";

export interface RealPlan {
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly onProgress: (text: string) => void;
}

export interface RealRun {
  readonly contestant: ContestantName;
  readonly round: number;
  /** Calls of all callers. */
  readonly timesMs: readonly number[];
  readonly failed: number;
  readonly firstFailure: string | undefined;
  /** Share of the calls that the slow instances served, of all that were served. */
  readonly slowShare: number;
  /** How late the generator was, p99. */
  readonly lateMs: number;
}

export const fleet = { instances: 10, slow: 2, slowdown: 8, slots: 4, meanMs: 40, load: 0.7, callers: 3 };
export const timeoutMs = 3_000;

/** Calls a second that the fleet can serve, slow instances counted as what they are. */
export function capacityPerSecond(): number {
  const { instances, slow, slowdown, slots, meanMs } = fleet;
  return ((instances - slow + slow / slowdown) * slots * 1000) / meanMs;
}

export async function runRealSuite({
  rounds,
  warmUpMs,
  measureMs,
  onProgress,
}: RealPlan): Promise<RealRun[]> {
  await using stack = new AsyncDisposableStack();
  const instances = await Promise.all(
    Array.from({ length: fleet.instances }, async () =>
      stack.use(await startWorker<InstanceTasks>("../balance/real/instance.ts")),
    ),
  );
  const addresses = await Promise.all(
    instances.map((instance, seed) =>
      instance.ask("start", {
        slots: fleet.slots,
        meanMs: fleet.meanMs * (seed < fleet.slow ? fleet.slowdown : 1),
        seed,
      }),
    ),
  );
  const proxy = stack.use(await startNginx(addresses));
  const settle = () => Promise.all(instances.map((instance) => instance.ask("settle", undefined)));

  const runs: RealRun[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const contestant of turned(contestantNames, round)) {
      const measured = await callFleet(contestant, round);
      const served = await settle();
      const total = served.reduce((sum, count) => sum + count, 0);
      const slow = served.slice(0, fleet.slow).reduce((sum, count) => sum + count, 0);
      runs.push({
        contestant,
        round,
        timesMs: measured.flatMap(({ timesMs }) => timesMs),
        failed: measured.reduce((sum, { failed }) => sum + failed, 0),
        firstFailure: measured.find(({ firstFailure }) => firstFailure !== undefined)?.firstFailure,
        slowShare: slow / total,
        lateMs: Math.max(...measured.map(({ lateMs }) => lateMs)),
      });
      onProgress(`round ${round + 1}/${rounds}: ${contestant}`);
    }
  }
  return runs;

  async function callFleet(contestant: ContestantName, round: number): Promise<Measured[]> {
    await using callers = new AsyncDisposableStack();
    const started = await Promise.all(
      Array.from({ length: fleet.callers }, async () =>
        callers.use(await startWorker<CallerTasks>("../balance/real/caller.ts")),
      ),
    );
    return await Promise.all(
      started.map((caller, index) =>
        caller.ask("run", {
          contestant,
          fleet: { addresses, proxy: proxy.address },
          timeoutMs,
          perSecond: (capacityPerSecond() * fleet.load) / fleet.callers,
          warmUpMs,
          measureMs,
          seed: 1 + round * fleet.callers + index,
        }),
      ),
    );
  }
}

function turned<T>(values: readonly T[], by: number): T[] {
  const at = by % values.length;
  return [...values.slice(at), ...values.slice(0, at)];
}
