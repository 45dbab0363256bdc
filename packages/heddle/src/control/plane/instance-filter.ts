/**
 * Which of the instances behind a name a watcher wants. It is applied where the instances are, so that a caller that
 * wants its own zone is told of nothing else.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type Instance,
  type InstanceFilter,
  InstanceHealth,
} from "../../gen/heddle/registry/v1/registry_pb.ts";

export interface InstanceMatch {
  /** The same for filters that mean the same; empty for one that lets everything through. */
  readonly key: string;
  matches(instance: Instance): boolean;
}

/** Throws INVALID_ARGUMENT for a filter out of bounds. */
export function createInstanceMatch(filter: InstanceFilter | undefined): InstanceMatch {
  if (filter === undefined) return EVERYTHING;
  const { zone, version, contract, healthyOnly } = filter;
  for (const [field, value] of Object.entries({ zone, version, contract })) checkLength(field, value);
  const labels = Object.entries(filter.metadata).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (labels.length > MAX_LABELS) refuse(`metadata: more than ${MAX_LABELS} conditions`);
  for (const [name, value] of labels) checkLength("metadata", name + value);
  if (zone === "" && version === "" && contract === "" && !healthyOnly && labels.length === 0)
    return EVERYTHING;
  return {
    key: JSON.stringify([zone, version, contract, healthyOnly, labels]),
    matches: (instance) =>
      (zone === "" || instance.zone === zone) &&
      (version === "" || instance.version === version) &&
      (contract === "" || instance.contracts.includes(contract)) &&
      (!healthyOnly || (instance.health !== InstanceHealth.UNHEALTHY && !instance.draining)) &&
      labels.every(
        ([name, value]) => Object.hasOwn(instance.metadata, name) && instance.metadata[name] === value,
      ),
  };
}

const EVERYTHING: InstanceMatch = { key: "", matches: () => true };
const MAX_LABELS = 16;
const MAX_LENGTH = 1024;

function checkLength(field: string, value: string): void {
  if (value.length > MAX_LENGTH) refuse(`${field}: longer than ${MAX_LENGTH} characters`);
}

function refuse(reason: string): never {
  throw new ConnectError(`filter.${reason}`, Code.InvalidArgument);
}
