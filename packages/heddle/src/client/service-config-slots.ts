/**
 * Where a channel's service config may come from, and which one is in use: the first of code, file and control plane
 * that has one, whole. As in gRPC configs are never mixed: whoever reads the one in use knows all that holds.
 */
import type { ServiceConfig } from "../policy/service-config.ts";

export type ServiceConfigOrigin = "code" | "file" | "control plane";

export interface ServiceConfigInUse {
  readonly from: ServiceConfigOrigin;
  readonly config: ServiceConfig;
}

export class ServiceConfigSlots {
  readonly #configs = new Map<ServiceConfigOrigin, ServiceConfig>();

  constructor({ code, file }: { readonly [Origin in "code" | "file"]: ServiceConfig | undefined }) {
    this.set("code", code);
    this.set("file", file);
  }

  set(from: ServiceConfigOrigin, config: ServiceConfig | undefined): void {
    if (config === undefined) this.#configs.delete(from);
    else this.#configs.set(from, config);
  }

  /** Undefined: none of them says anything. */
  get inUse(): ServiceConfigInUse | undefined {
    for (const from of PRECEDENCE) {
      const config = this.#configs.get(from);
      if (config !== undefined) return { from, config };
    }
    return undefined;
  }
}

const PRECEDENCE: readonly ServiceConfigOrigin[] = ["code", "file", "control plane"];
