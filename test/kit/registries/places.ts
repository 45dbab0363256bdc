/** Where the servers' programs are, and where each server keeps its files. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RegistryNode } from "./registry-server.ts";

/** What scripts/install-real.mjs made, and `npm run test:real` runs before its tests. */
export function builtProgram(name: string): string {
  return cached(`bin/${name}`);
}

/** A path in the folder where scripts/install-real.mjs puts what it makes. */
export function cached(path: string): string {
  return fileURLToPath(new URL(`../../../.cache/${path}`, import.meta.url));
}

export interface ServerFolder {
  readonly path: string;
  /** The nodes; or, when they cannot be started, no folder. */
  holdFor<T>(nodes: Promise<T>): Promise<T>;
  /** Ends the nodes and removes the folder. */
  stop(nodes: readonly RegistryNode[]): Promise<void>;
}

/** A new folder for the files of a server. */
export function serverFolder(name: string): ServerFolder {
  const path = mkdtempSync(join(tmpdir(), `heddle-${name}-`));
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  return {
    path,
    async holdFor(nodes) {
      try {
        return await nodes;
      } catch (error) {
        remove();
        throw error;
      }
    },
    async stop(nodes) {
      await Promise.all(nodes.map((node) => node.kill()));
      remove();
    },
  };
}
