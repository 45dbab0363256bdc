/** What the kernel counted for a process, whoever wrote it: Linux's /proc, so that Node and Go are measured alike. */
import { readdirSync, readFileSync } from "node:fs";

/** Processor time of all its threads, in seconds, to the nanosecond. Threads that have ended are not in it. */
export function cpuSecondsOf(pid: number): number {
  let total = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      total += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      // It ended meanwhile.
    }
  }
  return total / 1e9;
}

/** Resident memory in bytes, mapped files (etcd's database) included. */
export function rssBytesOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}
