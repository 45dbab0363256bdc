/** Load reports on their way: the event heap carries numbers, and this is where the number of a report leads. */
import type { LoadReport } from "../balance/balancer.ts";

export interface ReportSlots {
  put(report: LoadReport): number;
  /** Takes it out; its number is used again. */
  take(slot: number): LoadReport;
}

export function createReportSlots(): ReportSlots {
  const reports: LoadReport[] = [];
  const free: number[] = [];
  return {
    put: (report) => {
      const slot = free.pop() ?? reports.length;
      reports[slot] = report;
      return slot;
    },
    take: (slot) => {
      free.push(slot);
      return reports[slot] as LoadReport;
    },
  };
}
