/** How the stream suite's rows are shown. */
import type { Report } from "../harness/report.ts";
import { grouped } from "../harness/table.ts";

export const report: Report = {
  title: "server streaming of small messages",
  columns: ["peer", "streams", "messages/s", "CPU s/1000", "client", "server"],
  toCells: (row) => [
    row.peer,
    String(row.level),
    grouped(row.perSecond),
    row.cpuSecondsPer1000.toFixed(5),
    row.clientCpuSecondsPer1000.toFixed(5),
    row.serverCpuSecondsPer1000.toFixed(5),
  ],
  toLevel: (streams) => `@${streams}`,
  legend: `CPU s/1000: seconds of processor time per 1 000 messages, client and server together, then each. Ratios are
of messages per second, by the number of streams.`,
};
