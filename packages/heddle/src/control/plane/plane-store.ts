/**
 * Where a control plane keeps what must outlive it: static instances, options of services, who is to drain, and, so that
 * it starts with more than nothing, who was registered. Leases are not kept: whoever is alive registers again.
 */
export interface PlaneStore extends AsyncDisposable {
  /** Everything that is kept. Rejects when it cannot be read. */
  load(): Promise<readonly StoredEntry[]>;
  /** Resolves when it would survive the end of this process. Rejects when it cannot be written. */
  write(changes: readonly StoreChange[]): Promise<void>;
  /** Called for what others write, where several control planes share a store; the last call may repeat what is known. */
  follow?(onChange: (change: StoreChange) => void): void;
}

/**
 * - `static`: by id of the instance
 * - `service`: options, by name of the service
 * - `config`: the service config of a name, as JSON
 * - `drain`: the incarnation that is to drain, by id of the instance
 * - `instance`: who was registered, by id
 * - `usage`: what a service used of a method on a day
 * - `contract`: what instances answer, by its hash
 */
export type StoredKind = "static" | "service" | "config" | "drain" | "instance" | "usage" | "contract";

export interface StoredEntry {
  readonly kind: StoredKind;
  readonly key: string;
  readonly value: Uint8Array;
}

/** `value` undefined: it is no longer kept. */
export type StoreChange = Omit<StoredEntry, "value"> & { readonly value: Uint8Array | undefined };
