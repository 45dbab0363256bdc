/**
 * What a change of a contract breaks: the old and the new descriptors, compared part by part. It finds what `buf breaking` finds
 * in its categories FILE, WIRE_JSON and WIRE (a test compares both), and what breaks callers over plain HTTP, which buf does not
 * look at. Pure: descriptors in, findings out.
 */
import { BROKEN, type ContractBreak } from "./contract-break.ts";
import { compareEnums } from "./compare-enums.ts";
import { compareFiles } from "./compare-files.ts";
import { compareMessages } from "./compare-messages.ts";
import { compareRest } from "./compare-rest.ts";
import { compareServices } from "./compare-services.ts";
import type { Contract } from "./contract.ts";
import { createReport } from "./report.ts";

/** In the order of their places. */
export function compareContracts(before: Contract, after: Contract): readonly ContractBreak[] {
  const report = createReport(before, after);
  compareFiles(before, after, report);
  compareMessages(before, after, report);
  compareEnums(before, after, report);
  compareServices(before, after, report);
  compareRest(before, after, report);
  return report.found.toSorted(
    (a, b) =>
      byText(a.place?.file ?? a.was?.file ?? "", b.place?.file ?? b.was?.file ?? "") ||
      (a.place?.line ?? 0) - (b.place?.line ?? 0) ||
      byText(a.name, b.name) ||
      BROKEN.indexOf(a.broken[0] ?? "rest") - BROKEN.indexOf(b.broken[0] ?? "rest"),
  );
}

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
