/** The policies of the studies by name: those of the simulator, and Prequal with one thing changed. */
import {
  createDefault,
  createLinear,
  createPrequal,
  type DefaultBalancerOptions,
  type PrequalOptions,
} from "heddle/balance";
import { type SimulatedPolicy, simulatedPolicies } from "heddle/simulate";

/**
 * A name of `simulatedPolicies`, or a variant such as `prequal hotQuantile=0.9 probesPerCall=2` or `linear
 * rifShare=0.9`: options of the balancer, by their names in heddle/balance.
 * @throws RangeError when there is no such policy
 */
export function toPolicy(name: string): SimulatedPolicy {
  const [kind = "", ...settings] = name.split(" ");
  if (settings.length === 0) {
    const known = Object.entries(simulatedPolicies).find(([key]) => key === kind);
    if (known !== undefined) return known[1];
  }
  const options = Object.fromEntries(settings.map(toOption));
  switch (kind) {
    case "prequal":
      return {
        name,
        create: ({ random }) => createPrequal({ hotQuantile: 0.75, ...(options as PrequalOptions), random }),
      };
    case "default":
      return {
        name,
        create: ({ random }) => createDefault({ ...(options as DefaultBalancerOptions), random }),
      };
    case "linear":
      return { name, create: ({ random }) => createLinear({ ...options, random }) };
    default:
      throw new RangeError(`there is no policy "${name}"`);
  }
}

function toOption(setting: string): [string, number | boolean | string] {
  const [key = "", value = ""] = setting.split("=");
  if (value === "true" || value === "false") return [key, value === "true"];
  return [key, Number.isNaN(Number(value)) ? value : Number(value)];
}
