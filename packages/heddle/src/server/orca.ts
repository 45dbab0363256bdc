/**
 * ORCA for callers that are not of our kind: what this server says of its load, in a trailer of the answers
 * (gRFC A51). It goes with `weighted_round_robin` of gRPC and `client_side_weighted_round_robin` of Envoy.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { OrcaLoadReportSchema } from "../gen/xds/data/orca/v3/orca_load_report_pb.ts";
import type { LoadReporter } from "./load-reporter.ts";

/** The value of the trailer, made anew every 10 ms at most. */
export function createOrcaTrailer(load: LoadReporter): (nowMs: number) => string {
  let staleAtMs = Number.NEGATIVE_INFINITY;
  let text = "";
  return (nowMs) => {
    if (nowMs < staleAtMs) return text;
    staleAtMs = nowMs + FRESH_MS;
    const { utilization, requestsPerSecond, errorsPerSecond } = load.report(nowMs);
    const report = create(OrcaLoadReportSchema, {
      // The share of time in which a Node process computes: one thread does it, so it is the process that is full at 1.
      applicationUtilization: Math.max(0, utilization),
      cpuUtilization: Math.max(0, utilization),
      rpsFractional: requestsPerSecond,
      eps: errorsPerSecond,
    });
    text = base64Encode(toBinary(OrcaLoadReportSchema, report), "std_raw");
    return text;
  };
}

const FRESH_MS = 10;
