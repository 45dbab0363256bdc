/**
 * Where a process tells what it measures: a control plane of Heddle. A registry of another kind has no place for it.
 */
import type { ReportTelemetryRequest } from "../gen/heddle/telemetry/v1/telemetry_pb.ts";
import type { RegistryTls } from "./registry-client.ts";

export interface TelemetrySink {
  /** Where what it keeps is read over plain HTTP. */
  readonly api: { readonly origins: readonly string[]; readonly tls: RegistryTls | undefined };
  /** Rejects when it was not heard; the same report may be given again. */
  report(report: ReportTelemetryRequest, timeoutMs: number): Promise<void>;
}
