/** How the rpc suite's rows are shown. */
import type { Report } from "../harness/report.ts";
import { grouped } from "../harness/table.ts";

export const report: Report = {
  title: "unary calls",
  columns: ["peer", "in flight", "calls/s", "p50 µs", "p99 µs", "CPU s/1000", "client", "server"],
  toCells: (row) => [
    row.peer,
    String(row.level),
    grouped(row.perSecond),
    row.p50Us.toFixed(0),
    row.p99Us.toFixed(0),
    row.cpuSecondsPer1000.toFixed(4),
    row.clientCpuSecondsPer1000.toFixed(4),
    row.serverCpuSecondsPer1000.toFixed(4),
  ],
  toLevel: (inflight) => `@${inflight}`,
  legend: `CPU s/1000: seconds of processor time per 1 000 calls, client and server together, then each. Ratios are of
calls per second, by the number in flight.`,
};
