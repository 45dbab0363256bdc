/**
 * A Node process: one thread, whose turns run to completion. A job computes, waits for something else (a database,
 * another service) and computes again, half of its computing on either side. Turns queue in order of arrival; any
 * number of jobs may wait outside at once, and waiting takes the same time however busy or slow the process is.
 */
import { createJobHeap } from "./job-heap.ts";
import { createJobQueue } from "./job-queue.ts";
import type { ServerModel } from "./server-model.ts";

/** `waitShare` of a job's work (0 to below 1) is waiting, the rest computing. */
export function createEventLoop(waitShare: number): ServerModel {
  const turns = createJobQueue();
  const outside = createJobHeap();
  /** Work of the jobs that have not had their second turn. */
  const waitsNs = new Map<number, number>();
  let rate = 1;
  let remainingNs = 0;
  let lastNs = 0;
  let usedNs = 0;

  function advance(nowNs: number): void {
    const elapsed = nowNs - lastNs;
    lastNs = nowNs;
    if (turns.size === 0) return;
    usedNs += elapsed;
    remainingNs -= rate * elapsed;
  }

  function queueTurn(job: number, workNs: number): void {
    turns.push(job, workNs);
    if (turns.size === 1) remainingNs = workNs;
  }

  /** The end of the turn that runs: -1 when its job goes to wait, the job when that was its last turn. */
  function endTurn(nowNs: number): number {
    const turnNs = turns.firstWorkNs;
    const job = turns.shift();
    if (turns.size > 0) remainingNs = turns.firstWorkNs;
    const waitNs = waitsNs.get(job);
    if (waitNs === undefined) return job;
    if (waitNs === 0) {
      // No waiting: its second turn follows in the queue, as after an `await` of something that is there.
      waitsNs.delete(job);
      queueTurn(job, turnNs);
      return -1;
    }
    outside.push(nowNs + waitNs, job);
    return -1;
  }

  return {
    get size() {
      return turns.size + outside.size;
    },
    get nextNs() {
      const turnEnds =
        turns.size === 0 ? Number.POSITIVE_INFINITY : lastNs + Math.max(0, Math.ceil(remainingNs / rate));
      return Math.min(turnEnds, outside.firstKey);
    },
    get busyCores() {
      return turns.size > 0 ? 1 : 0;
    },
    usedCoreNs(nowNs) {
      advance(nowNs);
      return usedNs;
    },
    start(job, workNs, nowNs) {
      advance(nowNs);
      waitsNs.set(job, Math.ceil(workNs * waitShare));
      queueTurn(job, (workNs * (1 - waitShare)) / 2);
    },
    withdraw(job, nowNs) {
      advance(nowNs);
      waitsNs.delete(job);
      if (outside.remove(job)) return;
      const runs = turns.firstJob === job;
      turns.remove(job);
      // Nothing interrupts a turn; that its job leaves at once stands for code that looks at its signal.
      if (runs && turns.size > 0) remainingNs = turns.firstWorkNs;
    },
    step(nowNs) {
      advance(nowNs);
      if (outside.firstKey <= nowNs) {
        const job = outside.pop();
        const waitNs = waitsNs.get(job) ?? 0;
        waitsNs.delete(job);
        queueTurn(job, (waitNs * (1 - waitShare)) / (2 * waitShare));
        return -1;
      }
      return remainingNs <= rate ? endTurn(nowNs) : -1;
    },
    setCapacity(capacity, nowNs) {
      advance(nowNs);
      rate = capacity.speed * Math.min(1, capacity.cores);
    },
  };
}
