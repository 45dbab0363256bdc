/** How many instances each service has, and how they are, kept as they change: a list of services walks no instances. */
import { InstanceHealth } from "../../gen/heddle/registry/v1/registry_pb.ts";
import type { InstanceRecord } from "./instance-record.ts";

export interface ServiceCount {
  instances: number;
  healthy: number;
  unhealthy: number;
  draining: number;
  static: number;
  remembered: number;
}

export class ServiceCounts {
  readonly #counts = new Map<string, ServiceCount>();

  /** By name, for services that have instances. */
  get counts(): ReadonlyMap<string, Readonly<ServiceCount>> {
    return this.#counts;
  }

  instancesOf(service: string): number {
    return this.#counts.get(service)?.instances ?? 0;
  }

  change(before: InstanceRecord | undefined, after: InstanceRecord | undefined): void {
    if (after !== undefined) this.#add(after, 1);
    if (before !== undefined) this.#add(before, -1);
  }

  #add({ shown, heldBy }: InstanceRecord, by: 1 | -1): void {
    const { service, health, draining } = shown;
    const count = this.#counts.get(service) ?? {
      instances: 0,
      healthy: 0,
      unhealthy: 0,
      draining: 0,
      static: 0,
      remembered: 0,
    };
    count.instances += by;
    if (health === InstanceHealth.HEALTHY) count.healthy += by;
    if (health === InstanceHealth.UNHEALTHY) count.unhealthy += by;
    if (draining) count.draining += by;
    if (heldBy === "static") count.static += by;
    if (heldBy === "remembered") count.remembered += by;
    if (count.instances > 0) this.#counts.set(service, count);
    else this.#counts.delete(service);
  }
}
