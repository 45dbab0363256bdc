/** How the rest suite's rows are shown. */
import type { Report } from "../harness/report.ts";
import { report as rpcReport } from "../rpc/report.ts";

export const report: Report = {
  ...rpcReport,
  title: "JSON over HTTP/1.1",
  columns: rpcReport.columns.with(1, "connections"),
  legend: `CPU s/1000: seconds of processor time per 1 000 calls, client and server together, then each. Ratios are of
calls per second, by the number of connections.`,
};
