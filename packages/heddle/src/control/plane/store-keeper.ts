/**
 * Between the registry and its store: what was kept goes into the registry when it starts, and what changes is written.
 *
 * What somebody enters is written before it is answered. Who is registered is written behind, in batches: it is there to
 * start with more than nothing, and whoever is alive registers again anyway.
 */
import { create, type JsonObject } from "@bufbuild/protobuf";
import { isJsonObject } from "../../call/json-object.ts";
import { codecOf } from "../../contract/codec/codec.ts";
import {
  type PutStaticInstanceRequest,
  PutStaticInstanceRequestSchema,
  ServiceOptionsSchema,
} from "../../gen/heddle/registry/v1/admin_pb.ts";
import { type Instance, InstanceSchema } from "../../gen/heddle/registry/v1/registry_pb.ts";
import type { Timer, Timers } from "../../runtime/timer.ts";
import type { PlaneStore, StoreChange } from "./plane-store.ts";
import type { Registry, RegistryChange } from "./registry.ts";
import type { ServiceConfigs } from "./service-configs.ts";
import type { ServiceSettings } from "./service-settings.ts";

export interface StoreKeeperOptions {
  readonly store: PlaneStore;
  readonly registry: Registry;
  readonly settings: ServiceSettings;
  readonly configs: ServiceConfigs;
  readonly timers: Timers;
  /** Keep who is registered, and remember it at the next start. */
  readonly remembers: boolean;
  /** In a sentence what somebody should know. */
  readonly onWarning: (message: string) => void;
}

export interface StoreKeeper extends AsyncDisposable {
  /** Writes, and then does, what somebody entered. Rejects with `storeFailed`, and has then done nothing. */
  enter(fact: Fact): Promise<void>;
  /** From now on applies what others write, where they share the store. */
  follow(): void;
  /** Writes what is unwritten, and closes the store. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What somebody entered. `undefined` takes it back. */
export type Fact =
  | { readonly kind: "static"; readonly key: string; readonly value: PutStaticInstanceRequest | undefined }
  | {
      readonly kind: "service";
      readonly key: string;
      readonly value: ReturnType<ServiceSettings["get"]>;
    }
  | { readonly kind: "config"; readonly key: string; readonly value: JsonObject | undefined }
  | { readonly kind: "drain"; readonly key: string; readonly value: bigint | undefined };

/** Puts everything that the store holds into the registry. Rejects with `storeFailed`. */
export async function openStoreKeeper(options: StoreKeeperOptions): Promise<StoreKeeper> {
  const { store, registry, settings, configs, timers, remembers, onWarning } = options;
  const unwritten = new Map<string, Instance | undefined>();
  const keptDrains = new Set<string>();
  let timer: Timer | undefined;
  let writing: Promise<void> | undefined;
  let failing = false;
  let closed = false;

  function apply(change: StoreChange): void {
    const { kind, key, value } = change;
    try {
      switch (kind) {
        case "static":
          return applyFact({ kind, key, value: value && statics.decode(value) });
        case "service":
          return applyFact({ kind, key, value: value && serviceOptions.decode(value) });
        case "config":
          return applyFact({ kind, key, value: value && readJson(value) });
        case "drain":
          return applyFact({ kind, key, value: value && BigInt(new TextDecoder().decode(value)) });
        case "instance":
          if (value && remembers) registry.enter(instances.decode(value), "remembered");
          return;
        case "usage":
        case "contract":
        // Of contracts knows `contract-keeper.ts`.
      }
    } catch (error) {
      onWarning(`what the store holds of ${kind} "${key}" cannot be used: ${String(error)}`);
    }
  }

  function applyFact(fact: Fact): void {
    const { kind, key, value } = fact;
    switch (kind) {
      case "static":
        if (value?.instance === undefined) registry.withdraw(key, "static");
        else registry.enter(value.instance, "static", value.check);
        return;
      case "service":
        return settings.set(key, value);
      case "config":
        return configs.set(key, value);
      case "drain": {
        const incarnation = value ?? registry.drainOf(key);
        if (incarnation !== undefined) registry.drain(key, incarnation, value !== undefined);
        if (value === undefined) keptDrains.delete(key);
        else keptDrains.add(key);
      }
    }
  }

  function onChange({ before, after, heldBy, healthOnly }: RegistryChange): void {
    if (healthOnly) return;
    const id = (after ?? before)?.id ?? "";
    if (keptDrains.has(id) && registry.drainOf(id) === undefined) {
      keptDrains.delete(id);
      store.write([{ kind: "drain", key: id, value: undefined }]).catch(reportFailure);
    }
    if (!remembers || (heldBy === "static" && before === undefined)) return;
    unwritten.set(id, heldBy === "stream" ? after : undefined);
    schedule(FLUSH_AFTER_MS);
  }

  function schedule(afterMs: number): void {
    if (!closed) timer ??= timers.after(afterMs, () => void flush());
  }

  /** Writes one batch after the other, with room for other work between them. */
  function flush(): Promise<void> {
    timer?.cancel();
    timer = undefined;
    writing ??= writeBatches().finally(() => (writing = undefined));
    return writing;
  }

  async function writeBatches(): Promise<void> {
    while (unwritten.size > 0) {
      const batch = firstOf(unwritten, BATCH);
      try {
        await store.write(
          batch.map(([key, value]) => toChange("instance", key, value && instances.encode(value))),
        );
        failing = false;
      } catch (error) {
        reportFailure(error);
        return schedule(RETRY_AFTER_MS);
      }
      for (const [id, instance] of batch) if (unwritten.get(id) === instance) unwritten.delete(id);
      if (!closed) await new Promise<void>((resolve) => void timers.after(0, resolve));
    }
  }

  /** Once for each time that it begins. */
  function reportFailure(error: unknown): void {
    if (!failing) onWarning(`${error instanceof Error ? error.message : String(error)}; it is tried again`);
    failing = true;
  }

  for (const entry of await store.load()) apply(entry);
  registry.observe(onChange);

  return {
    follow: () => store.follow?.(apply),
    async enter(fact) {
      await store.write([toChange(fact.kind, fact.key, encodeFact(fact))]);
      applyFact(fact);
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      if (unwritten.size > 0) await flush();
      await store[Symbol.asyncDispose]();
    },
  };
}

const FLUSH_AFTER_MS = 500;
const RETRY_AFTER_MS = 5_000;
/** Instances in one transaction: a few milliseconds. */
const BATCH = 500;

const instances = codecOf(InstanceSchema);
const statics = codecOf(PutStaticInstanceRequestSchema);
const serviceOptions = codecOf(ServiceOptionsSchema);

function firstOf<Item>(items: Iterable<Item>, count: number): Item[] {
  const first: Item[] = [];
  for (const item of items) if (first.push(item) === count) break;
  return first;
}

function encodeFact(fact: Fact): Uint8Array | undefined {
  switch (fact.kind) {
    case "static":
      return fact.value && statics.encode(fact.value);
    case "service":
      return fact.value && serviceOptions.encode(fact.value);
    case "config":
      return fact.value && new TextEncoder().encode(JSON.stringify(fact.value));
    case "drain":
      return fact.value === undefined ? undefined : new TextEncoder().encode(String(fact.value));
  }
}

function readJson(bytes: Uint8Array): JsonObject {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (!isJsonObject(value)) throw new Error("it is no JSON object");
  return value as JsonObject;
}

function toChange(kind: StoreChange["kind"], key: string, value: Uint8Array | undefined): StoreChange {
  return { kind, key, value };
}

/** A store for a control plane that keeps nothing. */
export function createMemoryStore(): PlaneStore {
  return {
    load: async () => [],
    write: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

/** What is entered as a static instance: without what only the registry says. */
export function toStaticFact({ instance, check }: PutStaticInstanceRequest): Fact & { kind: "static" } {
  const given =
    instance && create(InstanceSchema, { ...withoutType(instance), incarnation: 0n, health: 0, origin: 0 });
  const value = create(PutStaticInstanceRequestSchema, {
    ...(given ? { instance: given } : {}),
    ...(check ? { check } : {}),
  });
  return { kind: "static", key: given?.id ?? "", value };
}

function withoutType({
  $typeName: _,
  $unknown: __,
  ...fields
}: Instance): Omit<Instance, "$typeName" | "$unknown"> {
  return fields;
}
