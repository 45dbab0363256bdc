/**
 * First come, first served by k workers: a process with a pool of threads, each job on one thread from its start to
 * its end. `cores` is the number of workers, rounded; the speed holds for all of them, so that virtual time serves
 * here as it does in `processor-sharing.ts`.
 */
import { createJobHeap } from "./job-heap.ts";
import { createJobQueue } from "./job-queue.ts";
import type { ServerModel } from "./server-model.ts";

export function createWorkerPool(): ServerModel {
  const running = createJobHeap();
  const waiting = createJobQueue();
  let workers = 1;
  let speed = 1;
  let contendedSpeed = 1;
  let rate = 1;
  let virtual = 0;
  let lastNs = 0;
  let usedNs = 0;

  function advance(nowNs: number): void {
    const elapsed = nowNs - lastNs;
    virtual += rate * elapsed;
    usedNs += running.size * elapsed;
    lastNs = nowNs;
  }

  /** Puts those who wait to work where a worker is free. */
  function fill(): void {
    while (running.size < workers && waiting.size > 0) {
      const workNs = waiting.firstWorkNs;
      running.push(virtual + workNs, waiting.shift());
    }
    rate = waiting.size > 0 ? speed * contendedSpeed : speed;
  }

  return {
    get size() {
      return running.size + waiting.size;
    },
    get nextNs() {
      return running.size === 0
        ? Number.POSITIVE_INFINITY
        : lastNs + Math.max(0, Math.ceil((running.firstKey - virtual) / rate));
    },
    get busyCores() {
      return running.size;
    },
    usedCoreNs(nowNs) {
      advance(nowNs);
      return usedNs;
    },
    start(job, workNs, nowNs) {
      advance(nowNs);
      waiting.push(job, workNs);
      fill();
    },
    withdraw(job, nowNs) {
      advance(nowNs);
      if (!running.remove(job)) waiting.remove(job);
      fill();
    },
    step(nowNs) {
      advance(nowNs);
      if (running.firstKey - virtual > rate) return -1;
      const done = running.pop();
      fill();
      return done;
    },
    setCapacity(capacity, nowNs) {
      advance(nowNs);
      workers = Math.max(1, Math.round(capacity.cores));
      ({ speed, contendedSpeed } = capacity);
      fill();
    },
  };
}
