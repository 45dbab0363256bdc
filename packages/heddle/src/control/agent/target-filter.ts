/**
 * What the query of a heddle target asks for: `heddle:///orders?zone=eu-1&metadata.tier=gold` is those instances of orders
 * and no others. The registry filters, so what does not match is never sent.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { HeddleError } from "../../call/errors.ts";
import { nearest } from "../../call/nearest.ts";
import type { Target } from "../../discovery/target.ts";
import type { InstanceFilterSchema } from "../../gen/heddle/registry/v1/registry_pb.ts";

/**
 * The filter of `zone`, `version`, `contract`, `healthy=on` (neither unhealthy nor draining) and `metadata.<label>`.
 * Undefined where nothing is asked for. Throws `targetInvalid` for anything else.
 */
export function targetFilter(target: Target): MessageInitShape<typeof InstanceFilterSchema> | undefined {
  const { zone = "", version = "", contract = "", healthy = "off", ...others } = target.query;
  if (Object.keys(target.query).length === 0) return undefined;
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(others)) {
    if (!name.startsWith(LABEL)) throw unknown(target, name);
    metadata[name.slice(LABEL.length)] = value;
  }
  if (healthy !== "on" && healthy !== "off") throw invalid(target, "healthy must be on or off");
  return { zone, version, contract, metadata, healthyOnly: healthy === "on" };
}

const LABEL = "metadata.";
const NAMES: ReadonlySet<string> = new Set(["zone", "version", "contract", "healthy", LABEL]);

function unknown(target: Target, name: string): HeddleError {
  const meant = nearest(name, NAMES);
  return invalid(
    target,
    `heddle:// has no option "${name}"${meant === undefined ? "" : `; did you mean ${meant}?`}`,
  );
}

function invalid(target: Target, reason: string): HeddleError {
  return new HeddleError("targetInvalid", { target: target.text, reason });
}
