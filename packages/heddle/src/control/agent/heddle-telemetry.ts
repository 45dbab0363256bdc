/** Tells Heddle's control plane what this process measures. */
import type { Client } from "@connectrpc/connect";
import type { TelemetrySink } from "../../discovery/telemetry-sink.ts";
import type { TelemetryService } from "../../gen/heddle/telemetry/v1/telemetry_pb.ts";

export function createHeddleTelemetry(
  client: Client<typeof TelemetryService>,
  api: TelemetrySink["api"],
): TelemetrySink {
  return {
    api,
    async report(report, timeoutMs) {
      await client.reportTelemetry(report, { timeoutMs });
    },
  };
}
