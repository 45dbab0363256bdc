/** Where names and instances stand: absolute paths of ZooKeeper, without a slash at the end. */

/** The path of a name under a base ("" is the root); undefined for a name that can't be a path. */
export function pathOfName(base: string, name: string): string | undefined {
  const parts = name.split("/");
  return parts.every(isNodeName) ? `${base}/${parts.join("/")}` : undefined;
}

/** A base from parts that may have slashes around them and may be empty; undefined when it can't be a path. */
export function basePath(...parts: readonly string[]): string | undefined {
  const names = parts.flatMap((part) => part.split("/")).filter((name) => name !== "");
  return names.every(isNodeName) ? names.map((name) => `/${name}`).join("") : undefined;
}

/** The path above; "" at the top. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** ZooKeeper refuses control characters, halves of surrogate pairs, and the private and special parts of Unicode. */
function isNodeName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[\p{Cc}\p{Cs}\p{Co}\u{fff0}-\u{ffff}]/u.test(name);
}
