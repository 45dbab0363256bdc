/**
 * Instances that stand in files: `file:///etc/heddle/services.json` for what people or a deployment wrote, `file:///run/heddle`
 * for a folder in which every process keeps a file of its own. Good for a machine, a volume, a mounted ConfigMap.
 * Guide: docs/guides/discovery/file.md.
 */
import { resolve } from "node:path";
import { invalidOption } from "../../call/check-option.ts";
import { assembleRegistry } from "../assemble-registry.ts";
import type { OpenRegistry } from "../registry-client.ts";
import { type RegistryUrl, readRegistryOptions } from "../registry-url.ts";
import { type Catalog, createCatalog } from "./catalog.ts";
import { createFileHolder } from "./file-holder.ts";
import { createFileSource } from "./file-source.ts";
import { isServicesName } from "./parse-text.ts";

export const openFile: OpenRegistry = (context) => {
  const { url, runtime, incarnation, onWarning } = context;
  const options = readRegistryOptions(url);
  const pollMs = options.number("pollMs", 5_000, 10);
  const ttlMs = options.number("ttlMs", 15_000, 100);
  options.refuseOthers();
  const path = pathOf(url);

  const catalogs = new Map<string, Catalog>();
  function catalogAt(file: string): Catalog {
    const known = catalogs.get(file) ?? createCatalog({ path: file, pollMs, runtime, onWarning });
    catalogs.set(file, known);
    return known;
  }

  const source = createFileSource({
    catalog: path === undefined ? undefined : catalogAt(path),
    catalogAt,
    silenceMs: 3 * pollMs + 5_000,
  });
  const isFolder = path !== undefined && !isServicesName(path.slice(path.lastIndexOf("/") + 1));
  if (!isFolder) return assembleRegistry(context, { source });
  const holder = createFileHolder({ folder: path, ttlMs, incarnation, runtime });
  return assembleRegistry(context, { source, holder });
};

/** Absolute; undefined when the URL names no file, and each target brings its own. */
function pathOf(url: RegistryUrl): string | undefined {
  const [host, ...others] = url.hosts;
  if (others.length > 0 || (host !== undefined && host !== "." && host !== "localhost"))
    throw invalidOption(
      "registry",
      "write file:///absolute/path, or file://./path from the working directory",
    );
  if (host === ".") return resolve(url.path);
  return url.path === "" ? undefined : `/${url.path}`;
}
