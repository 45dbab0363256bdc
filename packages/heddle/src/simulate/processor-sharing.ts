/**
 * Processor sharing: a replica with many threads, whose n jobs run side by side on C cores, each on one core at
 * most. Every job advances at speed · min(1, C / n).
 *
 * Since all advance alike, one number tells how far each has come: virtual time, the work that a job present from
 * the beginning would have got. A job of work w that starts at v is done at v + w, whatever happens to the rate in
 * between, so that a change of it touches no job and everything is O(log n).
 */
import { createJobHeap } from "./job-heap.ts";
import type { Capacity, ServerModel } from "./server-model.ts";

export function createProcessorSharing(): ServerModel {
  const jobs = createJobHeap();
  let cores = 1;
  let speed = 1;
  let contendedSpeed = 1;
  let rate = 1;
  let virtual = 0;
  let lastNs = 0;
  let usedNs = 0;

  function advance(nowNs: number): void {
    const elapsed = nowNs - lastNs;
    if (elapsed === 0) return;
    virtual += rate * elapsed;
    usedNs += Math.min(jobs.size, cores) * elapsed;
    lastNs = nowNs;
  }

  function setRate(): void {
    rate = jobs.size <= cores ? speed : (speed * contendedSpeed * cores) / jobs.size;
  }

  return {
    get size() {
      return jobs.size;
    },
    get nextNs() {
      // Up to the next whole nanosecond, at which the first has surely got its work.
      return jobs.size === 0
        ? Number.POSITIVE_INFINITY
        : lastNs + Math.max(0, Math.ceil((jobs.firstKey - virtual) / rate));
    },
    get busyCores() {
      return Math.min(jobs.size, cores);
    },
    usedCoreNs(nowNs) {
      advance(nowNs);
      return usedNs;
    },
    start(job, workNs, nowNs) {
      advance(nowNs);
      jobs.push(virtual + workNs, job);
      setRate();
    },
    withdraw(job, nowNs) {
      advance(nowNs);
      jobs.remove(job);
      setRate();
    },
    step(nowNs) {
      advance(nowNs);
      // The rounding of `virtual` is far below the work of one nanosecond.
      if (jobs.firstKey - virtual > rate) return -1;
      const done = jobs.pop();
      setRate();
      return done;
    },
    setCapacity(capacity: Capacity, nowNs) {
      advance(nowNs);
      ({ cores, speed, contendedSpeed } = capacity);
      setRate();
    },
  };
}
