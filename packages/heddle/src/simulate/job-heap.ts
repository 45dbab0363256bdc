/** Jobs by when they will be done: the order inside the server models. */
export interface JobHeap {
  readonly size: number;
  /** Key of the first; Infinity when empty. */
  readonly firstKey: number;
  push(key: number, job: number): void;
  /** Takes the job with the least key; among equal keys the least job. */
  pop(): number;
  /** Takes a job out; false when it is not in. O(n): only what is cancelled needs it. */
  remove(job: number): boolean;
}

export function createJobHeap(): JobHeap {
  let keys = new Float64Array(32);
  let jobs = new Int32Array(32);
  let size = 0;

  function isBefore(key: number, job: number, at: number): boolean {
    const other = keys[at] as number;
    return key < other || (key === other && job < (jobs[at] as number));
  }

  function siftUp(at: number, key: number, job: number): void {
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(key, job, parent)) break;
      keys[at] = keys[parent] as number;
      jobs[at] = jobs[parent] as number;
      at = parent;
    }
    keys[at] = key;
    jobs[at] = job;
  }

  function siftDown(at: number, key: number, job: number): void {
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && isBefore(keys[child + 1] as number, jobs[child + 1] as number, child)) child++;
      if (isBefore(key, job, child)) break;
      keys[at] = keys[child] as number;
      jobs[at] = jobs[child] as number;
      at = child;
    }
    keys[at] = key;
    jobs[at] = job;
  }

  return {
    get size() {
      return size;
    },
    get firstKey() {
      return size === 0 ? Number.POSITIVE_INFINITY : (keys[0] as number);
    },
    push(key, job) {
      if (size === keys.length) {
        const widerKeys = new Float64Array(2 * size);
        const widerJobs = new Int32Array(2 * size);
        widerKeys.set(keys);
        widerJobs.set(jobs);
        keys = widerKeys;
        jobs = widerJobs;
      }
      siftUp(size++, key, job);
    },
    pop() {
      const first = jobs[0] as number;
      size--;
      if (size > 0) siftDown(0, keys[size] as number, jobs[size] as number);
      return first;
    },
    remove(job) {
      const at = jobs.subarray(0, size).indexOf(job);
      if (at < 0) return false;
      size--;
      if (at === size) return true;
      const key = keys[size] as number;
      const last = jobs[size] as number;
      const parent = (at - 1) >> 1;
      if (at > 0 && isBefore(key, last, parent)) siftUp(at, key, last);
      else siftDown(at, key, last);
      return true;
    },
  };
}
