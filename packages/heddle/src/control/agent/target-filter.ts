/**
 * What the query of a heddle target asks for: `heddle:///orders?zone=eu-1&metadata.tier=gold` is those instances of orders
 * and no others. The registry filters, so what does not match is never sent.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { invalidTarget, type Target } from "../../discovery/target.ts";
import { refuseTargetOptions } from "../../discovery/target-options.ts";
import type { InstanceFilterSchema } from "../../gen/heddle/registry/v1/registry_pb.ts";

/**
 * The filter of `zone`, `version`, `contract`, `healthy=on` (neither unhealthy nor draining) and `metadata.<label>`.
 * Undefined where nothing is asked for. Throws `targetInvalid` for anything else.
 */
export function targetFilter(target: Target): MessageInitShape<typeof InstanceFilterSchema> | undefined {
  const { zone = "", version = "", contract = "", healthy = "off" } = target.query;
  const labels = Object.entries(target.query).filter(([name]) => name.startsWith(LABEL));
  refuseTargetOptions(target, "heddle", [...OPTIONS, ...labels.map(([name]) => name)]);
  if (Object.keys(target.query).length === 0) return undefined;
  const metadata = Object.fromEntries(labels.map(([name, value]) => [name.slice(LABEL.length), value]));
  if (healthy !== "on" && healthy !== "off") throw invalidTarget(target, "healthy must be on or off");
  return { zone, version, contract, metadata, healthyOnly: healthy === "on" };
}

const LABEL = "metadata.";
const OPTIONS = ["zone", "version", "contract", "healthy", `${LABEL}<label>`];
