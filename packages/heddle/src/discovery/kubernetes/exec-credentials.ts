/**
 * Credentials from a program that a kubeconfig names, as clouds hand them out: it writes an ExecCredential to its
 * standard output, with the time until which it holds. It is run once for all who wait, and again when that time is near or
 * the API server refuses what it gave.
 *
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */
import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";
import type { Runtime } from "../../runtime/runtime.ts";
import { type Fields, fieldsAt, listAt, textAt, toFields } from "../fields/json-fields.ts";
import type { KubeSection } from "./kubeconfig.ts";

export interface ExecCredentials {
  /** Throws an `Error` with the program's name and what it wrote to standard error. */
  get(options: { readonly renew: boolean }): Promise<ExecCredential>;
}

export interface ExecCredential {
  readonly token: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

export interface ExecCredentialsOptions {
  /** A command with a slash in it is relative to it. */
  readonly folder: string;
  readonly cluster: KubeSection;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly runtime: Pick<Runtime, "clock" | "timers">;
  /** Nobody wants a credential any more: what runs is ended. */
  readonly signal: AbortSignal;
}

/** `exec` is the entry's field of that name. Throws when it can't be run without a person. */
export function createExecCredentials(exec: Fields, options: ExecCredentialsOptions): ExecCredentials {
  const { clock } = options.runtime;
  const apiVersion = textAt(exec, "apiVersion");
  const name = textAt(exec, "command");
  if (name === "") throw new Error("the kubeconfig's exec has no command");
  if (!API_VERSIONS.has(apiVersion))
    throw new Error(
      `the kubeconfig's exec is of an unknown apiVersion: ${[...API_VERSIONS].join(" or ")} is known`,
    );
  if (exec["interactiveMode"] === "Always") throw new Error(`${name} wants to talk to a person`);
  const command = name.includes("/") ? resolve(options.folder, name) : name;
  const args = listAt(exec, "args").map(String);
  const env = {
    ...options.env,
    ...pluginEnv(exec),
    KUBERNETES_EXEC_INFO: execInfo(exec, apiVersion, options.cluster),
  };
  let running: Promise<Held> | undefined;
  let held: Held | undefined;

  function run(): Promise<Held> {
    running ??= runPlugin(name, command, args, env, options)
      .then((output) => (held = readExecCredential(name, output)))
      .finally(() => {
        running = undefined;
      });
    return running;
  }

  return {
    async get({ renew }) {
      if (renew) held = undefined;
      if (held !== undefined && held.untilWallMs - clock.wallMs() > MARGIN_MS) return held.credential;
      return (await run()).credential;
    },
  };
}

interface Held {
  readonly credential: ExecCredential;
  /** `Infinity` when the program says nothing: until the API server refuses it. */
  readonly untilWallMs: number;
}

/**
 * Runs it in a process group of its own, so that one that hangs is ended with all that it has started, and so that nothing
 * of it keeps this process up. What it hangs on may well be blocking signals too.
 */
async function runPlugin(
  name: string,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  { runtime, signal }: Pick<ExecCredentialsOptions, "runtime" | "signal">,
): Promise<string> {
  const { promise, resolve: done, reject } = Promise.withResolvers<string>();
  const fail = (why: string) => reject(new Error(`${name} gave no credential: ${why}`));
  const stop = () => fail("it is not needed any more");
  const timer = runtime.timers.after(TIMEOUT_MS, () => fail(`it took longer than ${TIMEOUT_MS / 1000} s`));
  const child = spawn(command, args, {
    env,
    detached: process.platform !== "win32",
    windowsHide: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const written: Buffer[] = [];
  let writtenBytes = 0;
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => {
    written.push(chunk);
    writtenBytes += chunk.length;
    if (writtenBytes > MAX_OUTPUT_BYTES) fail(`it wrote more than ${MAX_OUTPUT_BYTES} bytes`);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    if (said.length < MAX_SAID) said += chunk.toString("utf8", 0, MAX_SAID);
  });
  child.on("error", (error: NodeJS.ErrnoException) => fail(reasonOf(error)));
  child.on("close", (code, by) => {
    if (code === 0) return done(Buffer.concat(written).toString("utf8"));
    const shown = said
      .replace(/[\s\p{Cc}]+/gu, " ")
      .trim()
      .slice(0, 300);
    fail(shown || reasonOf({ code: code ?? by }));
  });
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await promise;
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", stop);
    if (child.exitCode === null && child.signalCode === null) killGroup(child);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined && process.platform !== "win32") process.kill(-child.pid, "SIGKILL");
    else child.kill("SIGKILL");
  } catch {
    // It has just ended by itself.
  }
}

/** The message of a failed command repeats its arguments, which may hold a secret. */
function reasonOf({ code }: { readonly code?: number | string | null | undefined }): string {
  if (code === "ENOENT") return "there is no such program";
  return typeof code === "number" ? `it ended with status ${code}` : `it cannot be run (${code ?? "killed"})`;
}

function readExecCredential(name: string, output: string): Held {
  let credential: Fields;
  try {
    credential = toFields(JSON.parse(output));
  } catch {
    throw new Error(`${name} gave no credential: what it wrote is no JSON`);
  }
  const status = fieldsAt(credential, "status");
  const [token, cert, key] = ["token", "clientCertificateData", "clientKeyData"].map(
    (field) => textAt(status, field) || undefined,
  );
  if (token === undefined && (cert === undefined || key === undefined))
    throw new Error(`${name} gave no credential: it wrote neither a token nor a certificate with its key`);
  const until = Date.parse(textAt(status, "expirationTimestamp"));
  return {
    credential: { token, cert, key },
    untilWallMs: Number.isNaN(until) ? Number.POSITIVE_INFINITY : until,
  };
}

function pluginEnv(exec: Fields): Record<string, string> {
  const list = listAt(exec, "env").map(toFields);
  return Object.fromEntries(list.map((entry) => [textAt(entry, "name"), textAt(entry, "value")]));
}

function execInfo(exec: Fields, apiVersion: string, cluster: KubeSection): string {
  const withCluster = exec["provideClusterInfo"] === true;
  const spec = { interactive: false, ...(withCluster ? { cluster: cluster.fields } : {}) };
  return JSON.stringify({ apiVersion, kind: "ExecCredential", spec });
}

const API_VERSIONS: ReadonlySet<string> = new Set([
  "client.authentication.k8s.io/v1",
  "client.authentication.k8s.io/v1beta1",
]);
const TIMEOUT_MS = 30_000;
/** A new one is asked for so long before the old one ends. */
const MARGIN_MS = 30_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
/** Of standard error, of which the beginning is told. */
const MAX_SAID = 4_096;
