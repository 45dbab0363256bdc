/** Jobs in the order of arrival, with the work each is waiting for. */
export interface JobQueue {
  readonly size: number;
  /** The first. The queue must not be empty, here and below. */
  readonly firstJob: number;
  /** Work of the first. */
  readonly firstWorkNs: number;
  push(job: number, workNs: number): void;
  /** Takes the first. */
  shift(): number;
  /** Takes a job out; false when it is not in. O(n). */
  remove(job: number): boolean;
}

export function createJobQueue(): JobQueue {
  const jobs: number[] = [];
  const works: number[] = [];
  /** Index of the first; what is before it has been taken and is cut off now and then. */
  let head = 0;

  return {
    get size() {
      return jobs.length - head;
    },
    get firstJob() {
      return jobs[head] as number;
    },
    get firstWorkNs() {
      return works[head] as number;
    },
    push(job, workNs) {
      jobs.push(job);
      works.push(workNs);
    },
    shift() {
      const first = jobs[head++] as number;
      if (head > 1024 && 2 * head > jobs.length) {
        jobs.splice(0, head);
        works.splice(0, head);
        head = 0;
      }
      return first;
    },
    remove(job) {
      const at = jobs.indexOf(job, head);
      if (at < 0) return false;
      jobs.splice(at, 1);
      works.splice(at, 1);
      return true;
    },
  };
}
