/**
 * The whole registry as a client of Eureka keeps it: one full answer, then deltas. Deltas overlap (each holds the last
 * three minutes), so applying one twice is applying it once; and nothing in them says whether one was missed, except a hash
 * of how many instances have which status. Where that differs, another full answer is needed.
 */
import { isJsonObject } from "../../call/json-object.ts";
import { type Endpoint, endpointsEqual } from "../endpoint.ts";
import { type Fields, textAt, toFields } from "../fields/json-fields.ts";
import type { EurekaReading } from "./eureka-options.ts";
import { eurekaName, type EurekaInstance, readInstanceInfo } from "./instance-info.ts";

export interface Applications {
  readonly size: number;
  /** How many names instances have now. */
  readonly names: number;
  /** Throws for what is no answer of Eureka. */
  applyFull(answer: unknown): void;
  /** Whether all is as at the server afterwards. Throws for what is no answer of Eureka. */
  applyDelta(answer: unknown): boolean;
  /** Another number when something changed under this name. */
  revisionOf(name: string): number;
  endpointsOf(name: string): readonly Endpoint[];
}

export function createApplications(
  reading: Pick<EurekaReading, "address" | "prefer" | "health">,
): Applications {
  const instances = new Map<string, EurekaInstance>();
  /** Keys by name. */
  const byName = new Map<string, Set<string>>();
  const revisions = new Map<string, number>();
  let revision = 0;

  function put(instance: EurekaInstance): void {
    const known = instances.get(instance.key);
    if (known !== undefined && sameInstance(known, instance)) return;
    if (known !== undefined) remove(known.key);
    instances.set(instance.key, instance);
    for (const name of instance.names) {
      const keys = byName.get(name) ?? new Set();
      byName.set(name, keys.add(instance.key));
    }
    touch(instance);
  }

  function remove(key: string): void {
    const known = instances.get(key);
    if (known === undefined) return;
    instances.delete(key);
    for (const name of known.names) {
      const keys = byName.get(name);
      keys?.delete(key);
      if (keys?.size === 0) byName.delete(name);
    }
    touch(known);
  }

  function touch({ names }: EurekaInstance): void {
    revision++;
    // A name that nobody has any more is as one that nobody ever had: names may come and go without end.
    for (const name of names)
      if (byName.has(name)) revisions.set(name, revision);
      else revisions.delete(name);
  }

  return {
    get size() {
      return instances.size;
    },
    get names() {
      return revisions.size;
    },
    applyFull(answer) {
      const all = new Map<string, EurekaInstance>();
      for (const info of instancesOf(answer)) {
        const instance = readInstanceInfo(info, reading);
        if (instance !== undefined) all.set(instance.key, instance);
      }
      for (const key of instances.keys()) if (!all.has(key)) remove(key);
      for (const instance of all.values()) put(instance);
    },
    applyDelta(answer) {
      for (const info of instancesOf(answer)) {
        const instance = readInstanceInfo(info, reading);
        if (instance === undefined) continue;
        if (textAt(toFields(info), "actionType") === "DELETED") remove(instance.key);
        else put(instance);
      }
      return textAt(applicationsOf(answer), "apps__hashcode") === hashOf(instances.values());
    },
    revisionOf: (name) => revisions.get(eurekaName(name)) ?? 0,
    endpointsOf(name) {
      const found = new Map<string, EurekaInstance & { readonly endpoint: Endpoint }>();
      for (const key of byName.get(eurekaName(name)) ?? []) {
        const instance = instances.get(key);
        if (instance?.endpoint === undefined || !isWanted(instance.endpoint, reading.health)) continue;
        const { endpoint } = instance;
        const other = found.get(endpoint.id);
        if (other === undefined || other.incarnation < instance.incarnation) {
          found.set(endpoint.id, { ...instance, endpoint });
        }
      }
      return [...found.values()].map(({ endpoint }) => endpoint);
    },
  };
}

/** "DOWN_1_UP_9_": of each status how many, in the order of their names. */
export function hashOf(instances: Iterable<Pick<EurekaInstance, "status">>): string {
  const counts = new Map<string, number>();
  for (const { status } of instances) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts.keys()]
    .sort()
    .map((status) => `${status}_${counts.get(status)}_`)
    .join("");
}

/** Ours that drain are wanted: their callers shall know it. */
function isWanted({ health }: Endpoint, wanted: EurekaReading["health"]): boolean {
  return wanted === "all" || health === "healthy";
}

function sameInstance(a: EurekaInstance, b: EurekaInstance): boolean {
  if (a.status !== b.status || a.incarnation !== b.incarnation || a.names.join() !== b.names.join())
    return false;
  if (a.endpoint === undefined || b.endpoint === undefined) return a.endpoint === b.endpoint;
  return endpointsEqual(a.endpoint, b.endpoint);
}

function applicationsOf(answer: unknown): Fields {
  const { applications } = toFields(answer);
  if (!isJsonObject(applications)) throw new TypeError("Eureka's answer holds no applications");
  return applications;
}

function instancesOf(answer: unknown): readonly unknown[] {
  return listOf(applicationsOf(answer)["application"]).flatMap((application) =>
    listOf(toFields(application)["instance"]),
  );
}

/** A list of one may come without being a list. */
function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}
