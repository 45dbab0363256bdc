/**
 * kubeconfig files: clusters, users, and contexts that join one of each. Only reading and choosing; what a user's
 * entry leads to is `kubeconfig-access.ts`. Several files (KUBECONFIG is a list) count as one in which the first that
 * says something is right, and paths in a file are relative to that file.
 *
 * https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { type Fields, fieldsAt, listAt, textAt, toFields } from "../fields/json-fields.ts";

/** One context of a kubeconfig with the cluster and the user that it names. */
export interface KubeContext {
  readonly cluster: KubeSection;
  readonly user: KubeSection;
  /** Empty when the context names none. */
  readonly namespace: string;
}

/** The entry of a cluster or user, and the folder to which its paths are relative. */
export interface KubeSection {
  readonly fields: Fields;
  readonly folder: string;
}

/** The files that count when none is named: those of KUBECONFIG, else ~/.kube/config. */
export function kubeconfigFiles(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const listed = (env["KUBECONFIG"] ?? "").split(delimiter).filter(Boolean);
  return listed.length > 0 ? listed : [join(env["HOME"] || homedir(), ".kube", "config")];
}

/**
 * The context of that name, or the current one. Files that don't exist are passed over, as kubectl does. Throws an
 * `Error` that repeats no content when nothing can be made of them.
 */
export async function readKubeContext(
  files: readonly string[],
  context: string | undefined,
): Promise<KubeContext> {
  const documents = (await Promise.all(files.map(readDocument))).filter((document) => document !== undefined);
  if (documents.length === 0) throw new Error(`there is no kubeconfig at ${files.join(", ")}`);
  const name = context ?? documents.map(({ fields }) => textAt(fields, "current-context")).find(Boolean);
  if (!name) throw new Error("the kubeconfig has no current-context: name one with context=");
  const chosen = find(documents, "contexts", "context", name);
  if (chosen === undefined) throw new Error(`the kubeconfig has no context "${name}"`);
  const clusterName = textAt(chosen.fields, "cluster");
  const cluster = find(documents, "clusters", "cluster", clusterName);
  if (cluster === undefined) throw new Error(`the kubeconfig has no cluster "${clusterName}"`);
  const userName = textAt(chosen.fields, "user");
  const user = userName === "" ? { fields: {}, folder: "." } : find(documents, "users", "user", userName);
  if (user === undefined) throw new Error(`the kubeconfig has no user "${userName}"`);
  return { cluster, user, namespace: textAt(chosen.fields, "namespace") };
}

/**
 * A PEM text that an entry holds as base64 (`<field>-data`, which counts first) or names as a file. Undefined when it
 * has neither.
 */
export async function readPem(section: KubeSection, field: string): Promise<string | undefined> {
  const data = textAt(section.fields, `${field}-data`);
  if (data !== "") return Buffer.from(data, "base64").toString("utf8");
  const file = textAt(section.fields, field);
  return file === "" ? undefined : await readFile(resolve(section.folder, file), "utf8");
}

async function readDocument(file: string): Promise<KubeSection | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new Error(`the kubeconfig ${file} cannot be read (${code ?? "unknown"})`);
  }
  // Only who uses a kubeconfig pays for a parser of YAML.
  const { parse } = await import("yaml");
  try {
    return { fields: toFields(parse(text)), folder: dirname(resolve(file)) };
  } catch {
    throw new Error(`the kubeconfig ${file} is not YAML`);
  }
}

function find(
  documents: readonly KubeSection[],
  list: string,
  field: string,
  name: string,
): KubeSection | undefined {
  for (const { fields, folder } of documents) {
    const entry = listAt(fields, list)
      .map(toFields)
      .find((one) => textAt(one, "name") === name);
    if (entry !== undefined) return { fields: fieldsAt(entry, field), folder };
  }
  return undefined;
}
