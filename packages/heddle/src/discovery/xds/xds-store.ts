/**
 * What a process knows of the control plane's resources, and which it wants. Kept over the life of streams: what was good
 * stays until the server says otherwise, a refused version leaves the one before in place, and a resource that nobody wants any
 * more is kept for a moment, for watches are often opened again.
 */
import type { Any } from "@bufbuild/protobuf/wkt";
import type { Timer, Timers } from "../../runtime/timer.ts";
import type { XdsEntry } from "./xds-chain.ts";
import { readXdsResource, type XdsResources, type XdsType } from "./xds-resource.ts";

export interface XdsStore {
  /** What is wanted, sorted. */
  names(type: XdsType): readonly string[];
  entry<Type extends XdsType>(type: Type, name: string): XdsEntry<XdsResources[Type]>;
  /** By name, of what is present: as the server named the version of each (delta). */
  versions(type: XdsType): ReadonlyMap<string, string>;
  want(type: XdsType, name: string): void;
  /** Takes back one `want`. */
  unwant(type: XdsType, name: string): void;
  /** Takes what came. Gives a sentence for each resource that is refused, and all names that came; "" for one without. */
  accept(
    type: XdsType,
    resources: readonly { readonly any: Any; readonly name?: string; readonly version: string }[],
  ): { readonly faults: readonly string[]; readonly names: ReadonlySet<string> };
  /** The server says that there is none of these. */
  remove(type: XdsType, names: Iterable<string>): void;
  /** It was asked for on the stream that is open. Nothing for so long means that there is none. */
  asked(type: XdsType, names: Iterable<string>): void;
  /** The stream is lost, and with it all questions. */
  forgetQuestions(): void;
}

export interface XdsStoreOptions {
  readonly timers: Timers;
  /** What is wanted has changed. */
  onNames(type: XdsType): void;
  /** What is known has changed. */
  onNews(): void;
}

export function createXdsStore({ timers, onNames, onNews }: XdsStoreOptions): XdsStore {
  const wanted = new Map<XdsType, Map<string, Wanted>>();

  function of(type: XdsType): Map<string, Wanted> {
    const known = wanted.get(type) ?? new Map<string, Wanted>();
    wanted.set(type, known);
    return known;
  }

  function settle(resource: Wanted, entry: XdsEntry<unknown>): void {
    resource.silence?.cancel();
    resource.silence = undefined;
    resource.entry = entry;
  }

  return {
    names: (type) => [...of(type).keys()].toSorted(),
    entry: <Type extends XdsType>(type: Type, name: string) =>
      (of(type).get(name)?.entry ?? UNKNOWN) as XdsEntry<XdsResources[Type]>,
    versions(type) {
      const present = [...of(type)].filter(([, { entry }]) => entry.kind === "present");
      return new Map(present.map(([name, { version }]) => [name, version]));
    },
    want(type, name) {
      const known = of(type).get(name);
      if (known) {
        known.wants++;
        known.linger?.cancel();
        known.linger = undefined;
        return;
      }
      of(type).set(name, { wants: 1, entry: UNKNOWN, version: "", silence: undefined, linger: undefined });
      onNames(type);
    },
    unwant(type, name) {
      const known = of(type).get(name);
      if (!known || --known.wants > 0) return;
      known.linger = timers.after(LINGER_MS, () => {
        known.silence?.cancel();
        of(type).delete(name);
        onNames(type);
      });
    },
    accept(type, resources) {
      const faults: string[] = [];
      const seen = new Set<string>();
      for (const { any, name: expected, version } of resources) {
        const read = readXdsResource(type, any);
        const name = read.name === "" ? (expected ?? "") : read.name;
        const label = `${type} "${name.slice(0, 200)}"`;
        let fault = "fault" in read ? read.fault : undefined;
        if (expected !== undefined && expected !== name)
          fault = `it came under the name "${expected.slice(0, 200)}"`;
        if (seen.has(name) && fault === undefined) fault = "it came twice";
        seen.add(name);
        const known = of(type).get(name);
        if (fault !== undefined) faults.push(`${label}: ${fault}`);
        if (!known) continue;
        if ("value" in read && fault === undefined) {
          settle(known, { kind: "present", value: read.value });
          known.version = version;
        } else if (known.entry.kind !== "present") settle(known, { kind: "refused", fault: fault ?? "" });
      }
      onNews();
      return { faults, names: seen };
    },
    remove(type, names) {
      for (const name of names) {
        const known = of(type).get(name);
        if (known) settle(known, { kind: "absent", by: "word" });
      }
      onNews();
    },
    asked(type, names) {
      for (const name of names) {
        const known = of(type).get(name);
        if (known?.entry.kind !== "unknown" || known.silence) continue;
        known.silence = timers.after(NOT_FOUND_AFTER_MS, () => {
          settle(known, { kind: "absent", by: "silence" });
          onNews();
        });
      }
    },
    forgetQuestions() {
      for (const resources of wanted.values())
        for (const known of resources.values()) {
          known.silence?.cancel();
          known.silence = undefined;
          // Whether it is there must be asked anew.
          if (known.entry.kind === "absent" && known.entry.by === "silence") known.entry = UNKNOWN;
        }
    },
  };
}

/** As in gRPC and Envoy. */
const NOT_FOUND_AFTER_MS = 15_000;
const LINGER_MS = 5_000;

const UNKNOWN = { kind: "unknown" } as const;

interface Wanted {
  wants: number;
  entry: XdsEntry<unknown>;
  version: string;
  silence: Timer | undefined;
  linger: Timer | undefined;
}
