/** How the rest suite's rows are shown. */
import type { Report } from "../harness/report.ts";
import { report as rpcReport } from "../rpc/report.ts";

export const report: Report = {
  ...rpcReport,
  title: "JSON over HTTP/1.1",
  columns: [...rpcReport.columns.with(1, "connections"), "server busy"],
  toCells: (row) => [
    ...rpcReport.toCells(row),
    `${((row.perSecond * row.serverCpuSecondsPer1000) / 10).toFixed(0)} %`,
  ],
  legend: `CPU s/1000: seconds of processor time per 1 000 calls, client and server together, then each. Server busy: how much
of one core the server took, garbage collection beside it included; well below 100 % the client or the machine was what
limited the calls per second, and processor time says more. Ratios are of calls per second, by the number of connections.`,
};
