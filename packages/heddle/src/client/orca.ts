/**
 * What instances that are not of our kind say of their load: ORCA reports in the trailers of answers
 * (gRFC A51, github.com/cncf/xds, `xds.data.orca.v3`). They know utilization and rates, which is what
 * `client_side_weighted_round_robin` goes by, but not how many calls are in flight.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { type LoadReport, ORCA_TRAILER } from "../call/load-report.ts";
import { findField, type Fields } from "../call/metadata.ts";
import { OrcaLoadReportSchema } from "../gen/xds/data/orca/v3/orca_load_report_pb.ts";

/** The report in these trailers; undefined when there is none, or none that can be read. */
export function readOrcaReport(trailers: Fields): LoadReport | undefined {
  const text = findField(trailers, ORCA_TRAILER);
  if (text === undefined) return undefined;
  try {
    const orca = fromBinary(OrcaLoadReportSchema, base64Decode(text));
    return {
      requestsInFlight: -1,
      latencyMs: -1,
      utilization: orca.applicationUtilization > 0 ? orca.applicationUtilization : orca.cpuUtilization,
      requestsPerSecond: orca.rpsFractional,
      errorsPerSecond: orca.eps,
    };
  } catch {
    // A peer's bytes; without a report its weight stays what it was.
    return undefined;
  }
}
