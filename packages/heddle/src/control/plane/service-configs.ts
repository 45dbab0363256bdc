/**
 * The service configs that somebody set, by the name that clients ask for; "*" is for all names without one of their
 * own. Whoever watches a name is told when what holds for it changes.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { ANY_NAME } from "../../policy/parse-service-configs.ts";

export class ServiceConfigs {
  readonly #configs = new Map<string, JsonObject>();
  readonly #lengths = new Map<string, number>();
  #length = 0;
  readonly #watchers = new Map<string, Set<() => void>>();

  get size(): number {
    return this.#configs.size;
  }

  /** Characters of all of them as JSON, without the one of a name. */
  lengthBeside(name: string): number {
    return this.#length - (this.#lengths.get(name) ?? 0);
  }

  /** By name. */
  get all(): ReadonlyMap<string, JsonObject> {
    return this.#configs;
  }

  /** What was set for this very name. */
  get(name: string): JsonObject | undefined {
    return this.#configs.get(name);
  }

  /** What holds for a name. The same object for as long as nothing changes. */
  for(name: string): JsonObject | undefined {
    return this.#configs.get(name) ?? this.#configs.get(ANY_NAME);
  }

  set(name: string, config: JsonObject | undefined): void {
    this.#length = this.lengthBeside(name);
    this.#lengths.delete(name);
    if (config === undefined) this.#configs.delete(name);
    else {
      this.#configs.set(name, config);
      const { length } = JSON.stringify(config);
      this.#lengths.set(name, length);
      this.#length += length;
    }
    for (const [watched, watchers] of this.#watchers)
      if (this.#concerns(name, watched)) for (const onChange of watchers) onChange();
  }

  /** Calls back when what holds for the name may have changed, until it is called. */
  watch(name: string, onChange: () => void): () => void {
    const watchers = this.#watchers.get(name) ?? new Set();
    this.#watchers.set(name, watchers);
    watchers.add(onChange);
    return () => {
      watchers.delete(onChange);
      if (watchers.size === 0) this.#watchers.delete(name);
    };
  }

  /** How many watch a name that a config of `name` holds for. */
  watchersOf(name: string): number {
    let count = 0;
    for (const [watched, watchers] of this.#watchers)
      if (this.#concerns(name, watched)) count += watchers.size;
    return count;
  }

  #concerns(name: string, watched: string): boolean {
    return name === watched || (name === ANY_NAME && !this.#configs.has(watched));
  }
}
