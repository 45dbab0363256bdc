/** A large deployment computed from unit costs: pure arithmetic, in docs/internals/scale.md as tables. */

/** What RESULTS.md says of one registry; on the machine of its last run. */
export interface MeasuredCosts {
  /** For an instance with its stream, and for a watch stream, in bytes of RSS. */
  readonly instanceBytes: number;
  readonly watchBytes: number;
  /** Processor time of the registry in µs. */
  readonly changeMicros: number;
  readonly deliveryMicros: number;
  readonly heartbeatMicros: number;
  /** One instance more in a message. */
  readonly itemMicros: number;
}

export interface Deployment {
  readonly regions: number;
  readonly instances: number;
  readonly services: number;
  /** Services that an instance calls. */
  readonly calls: number;
  readonly leaseSeconds: number;
  /** Changes of each instance a day: coming, ready, draining, going, and now and then its health. */
  readonly changesPerDay: number;
}

/** Where watches end, and so what a registry has to serve. */
export interface Topology {
  readonly name: string;
  /** Registries in a region, each with a part of the services. */
  readonly shards: number;
  /** Relays in a region; 0: instances watch the registry. */
  readonly relays: number;
}

export interface Load {
  readonly topology: string;
  readonly instances: number;
  readonly watches: number;
  readonly connections: number;
  readonly memoryGiB: number;
  /** Shares of one core. */
  readonly heartbeatCores: number;
  readonly changeCores: number;
  /** Until all are told when every instance of a third of the region changes at once, in seconds. */
  readonly zoneSeconds: number;
}

/** What one registry of a region carries. */
export function loadOfRegistry(deployment: Deployment, costs: MeasuredCosts, topology: Topology): Load {
  const { shards, relays, name } = topology;
  const inRegion = deployment.instances / deployment.regions;
  const instances = inRegion / shards;
  const services = deployment.services / shards;
  const watchersOfName = relays > 0 ? relays : (inRegion * deployment.calls) / deployment.services;
  const watches = services * watchersOfName;
  const changesPerSecond = (instances * deployment.changesPerDay) / 86_400;
  const changeMicros = costs.changeMicros + costs.deliveryMicros * watchersOfName;
  const lost = instances / 3;
  return {
    topology: name,
    instances,
    watches,
    // An instance registers and watches on one connection with each shard.
    connections: relays > 0 ? instances + relays : inRegion,
    memoryGiB: (instances * costs.instanceBytes + watches * costs.watchBytes) / 2 ** 30,
    heartbeatCores: ((instances / (deployment.leaseSeconds / 3)) * costs.heartbeatMicros) / 1e6,
    changeCores: (changesPerSecond * changeMicros) / 1e6,
    zoneSeconds:
      (lost * costs.changeMicros +
        watches * costs.deliveryMicros +
        Math.max(0, lost - services) * watchersOfName * costs.itemMicros) /
      1e6,
  };
}
