/**
 * A folder as a registry. It has no server; what is nearest to one that dies is a volume that goes away: a file stands in
 * its place, so that nobody can write there, until it is back with all that was in it.
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serverFolder } from "./places.ts";
import type { RegistryServer } from "./registry-server.ts";

export interface FolderServer extends Pick<RegistryServer, "url" | "stop"> {
  readonly path: string;
  takeAway(): void;
  bringBack(): void;
}

export function startFolder(): FolderServer {
  const folder = serverFolder("folder");
  const path = join(folder.path, "volume");
  const away = join(folder.path, "away");
  mkdirSync(path);
  return {
    url: `file://${path}`,
    path,
    takeAway() {
      renameSync(path, away);
      writeFileSync(path, "");
    },
    bringBack() {
      rmSync(path);
      renameSync(away, path);
    },
    stop: () => folder.stop([]),
  };
}
