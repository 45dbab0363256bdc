/** From the balancer of a service config to a policy that a channel can make one of. */
import {
  type BalancerFactoryOptions,
  type BalancerPolicy,
  type BalancerPolicyName,
  createBalancer,
} from "../balance/policies.ts";
import type { ServiceConfig } from "../policy/service-config.ts";

/** `balancer` must be valid, as `parseServiceConfig` gives it. */
export function configuredBalancer(balancer: NonNullable<ServiceConfig["balancer"]>): BalancerPolicy {
  if (typeof balancer === "string") return balancer as BalancerPolicyName;
  const [[name, settings] = ["default", {}]] = Object.entries(balancer);
  // Names and settings are those of the policy's own options, which the table of fields has checked.
  return (options: BalancerFactoryOptions) =>
    createBalancer(name as BalancerPolicyName, { ...options, ...settings });
}
