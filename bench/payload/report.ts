/** How the payload suite's rows are shown. */
import type { Report } from "../harness/report.ts";
import { grouped } from "../harness/table.ts";

export const report: Report = {
  title: "large messages, there and back",
  columns: [
    "peer",
    "message",
    "MiB/s each way",
    "calls/s",
    "p50 µs",
    "p99 µs",
    "CPU s/GiB",
    "client",
    "server",
  ],
  toCells: (row) => {
    const cpuPerGiB = (per1000: number) => ((per1000 / 1000) * (2 ** 30 / row.level)).toFixed(2);
    return [
      row.peer,
      toSize(row.level),
      ((row.perSecond * row.level) / 2 ** 20).toFixed(1),
      grouped(row.perSecond),
      row.p50Us.toFixed(0),
      row.p99Us.toFixed(0),
      cpuPerGiB(row.cpuSecondsPer1000),
      cpuPerGiB(row.clientCpuSecondsPer1000),
      cpuPerGiB(row.serverCpuSecondsPer1000),
    ];
  },
  toLevel: toSize,
  legend: `MiB/s each way: bytes of requests per second; the answers are as many again. CPU s/GiB: seconds of processor
time for 1 GiB there and 1 GiB back, client and server together, then each. Ratios are of bytes per second.`,
};

function toSize(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes / 2 ** 10} KiB` : `${bytes / 2 ** 20} MiB`;
}
