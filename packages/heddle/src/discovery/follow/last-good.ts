/**
 * The last good endpoints on disk, so that a process that starts while its registry is down still finds its peers.
 *
 * One small JSON file per registry and target, written to a temporary name and renamed, so that a reader sees the old
 * file or the new one and nothing between. The file is a convenience and never a reason to fail: what can't be
 * read or written is reported to `onWarning` and otherwise ignored. What the registry says always replaces it.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { parseAddress } from "../../call/address.ts";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import { systemTimers, type Timer, type Timers } from "../../runtime/timer.ts";
import { createEndpoint, type Endpoint, type EndpointHealth } from "../endpoint.ts";

export interface LastGoodStoreOptions {
  /** Who said it: sets of two registries are kept apart. Such as "127.0.0.1:4747". */
  readonly registry: string;
  /** Where the files stand; default `defaultStateFolder()`. Made when first needed. */
  readonly folder?: string;
  /** Told of a file that can't be read or written. Default: ignored. */
  readonly onWarning?: (message: string, cause: unknown) => void;
  readonly clock?: Clock;
  readonly timers?: Timers;
}

export interface LastGoodStore extends AsyncDisposable {
  /** What was saved for a target, or undefined when nothing usable was. */
  load(target: string): Promise<LastGood | undefined>;
  /** Writes within 200 ms; of several sets saved in that time only the last is written. */
  save(target: string, endpoints: Iterable<Endpoint>, serviceConfig?: unknown): void;
  /** Writes now what has not been written yet. Never throws. */
  flush(): Promise<void>;
  /** Flushes, and drops later saves. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface LastGood {
  readonly endpoints: readonly Endpoint[];
  /** Unchecked, as it was said; undefined where there was none. */
  readonly serviceConfig?: unknown;
  /** Wall-clock milliseconds since the Unix epoch at which the set was saved. */
  readonly savedAtMs: number;
  /** How long ago that was, never negative. */
  readonly ageMs: number;
}

export function createLastGoodStore(options: LastGoodStoreOptions): LastGoodStore {
  const { registry, clock = systemClock, timers = systemTimers, onWarning = () => {} } = options;
  const folder = join(resolve(options.folder ?? defaultStateFolder()), "endpoints");
  const unwritten = new Map<string, Pick<LastGood, "endpoints" | "serviceConfig">>();
  let timer: Timer | undefined;
  /** Writes follow one another, so that an older set never lands on a newer one. */
  let writing: Promise<void> = Promise.resolve();
  let isFailing = false;
  let cleaned: Promise<void> | undefined;
  let closed = false;

  async function write(
    target: string,
    { endpoints, serviceConfig }: Pick<LastGood, "endpoints" | "serviceConfig">,
  ): Promise<void> {
    const path = join(folder, fileName(registry, target));
    const temporary = `${path}.${process.pid}.${randomUUID()}.tmp`;
    // One that could not be read again would spoil all: what a registry says may be of any kind.
    const sound = endpoints.filter(isSound);
    const content: SavedFile = {
      format: FORMAT,
      registry,
      target,
      savedAtMs: clock.wallMs(),
      endpoints: sound,
      ...(serviceConfig === undefined ? {} : { serviceConfig }),
    };
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      cleaned ??= removeAbandoned(folder, clock.wallMs()).catch(() => {});
      await cleaned;
      await writeFile(temporary, `${JSON.stringify(content)}\n`, { mode: 0o600 });
      await rename(temporary, path);
      isFailing = false;
    } catch (cause) {
      // Once, until it works again: a full disk stays full, and there is a set to save every few seconds.
      if (!isFailing) onWarning(`cannot save the last good endpoints of ${target} in ${path}`, cause);
      isFailing = true;
      await rm(temporary, { force: true }).catch(() => {});
    }
  }

  function flush(): Promise<void> {
    timer?.cancel();
    timer = undefined;
    const due = [...unwritten];
    unwritten.clear();
    writing = writing.then(async () => {
      for (const [target, saved] of due) await write(target, saved);
    });
    return writing;
  }

  return {
    async load(target) {
      const path = join(folder, fileName(registry, target));
      try {
        const saved = readSaved(JSON.parse(await readFile(path, "utf8")), registry, target);
        return { ...saved, ageMs: Math.max(0, clock.wallMs() - saved.savedAtMs) };
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== "ENOENT") {
          onWarning(`ignoring the last good endpoints of ${target} in ${path}`, cause);
        }
        return undefined;
      }
    },
    save(target, endpoints, serviceConfig) {
      if (closed) return;
      unwritten.set(target, { endpoints: [...endpoints], serviceConfig });
      timer ??= timers.after(DEBOUNCE_MS, () => void flush());
    },
    flush,
    async [Symbol.asyncDispose]() {
      closed = true;
      await flush();
    },
  };
}

/** `$HEDDLE_STATE_DIR`, else `$XDG_CACHE_HOME/heddle`, else `~/.cache/heddle`. */
export function defaultStateFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return env["HEDDLE_STATE_DIR"] || join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "heddle");
}

const DEBOUNCE_MS = 200;
const FORMAT = 1;

interface SavedFile {
  readonly format: number;
  readonly registry: string;
  readonly target: string;
  readonly savedAtMs: number;
  readonly endpoints: readonly Endpoint[];
  readonly serviceConfig?: unknown;
}

/** What processes left that were killed between writing and renaming: nobody else would ever remove it. */
async function removeAbandoned(folder: string, nowMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(".tmp")) continue;
    const path = join(folder, name);
    const { mtimeMs } = await stat(path);
    if (nowMs - mtimeMs > ABANDONED_MS) await rm(path, { force: true });
  }
}

const ABANDONED_MS = 3_600_000;

/** A target may hold any character, so the name is a digest; the content says what it stands for. */
function fileName(registry: string, target: string): string {
  return `${createHash("sha256").update(`${registry}\n${target}`).digest("hex").slice(0, 32)}.json`;
}

/** Checks every field: the file may come from another version, another program, or half a disk. */
function readSaved(value: unknown, registry: string, target: string): Omit<LastGood, "ageMs"> {
  const file = value as Partial<SavedFile> | null;
  if (file?.format !== FORMAT) throw new Error(`format is not ${FORMAT}`);
  if (file.registry !== registry || file.target !== target)
    throw new Error("it belongs to another registry or target");
  if (!Number.isFinite(file.savedAtMs)) throw new Error("savedAtMs is not a number");
  if (!Array.isArray(file.endpoints)) throw new Error("endpoints is not a list");
  const { serviceConfig } = file;
  return {
    savedAtMs: file.savedAtMs as number,
    endpoints: file.endpoints.map(readEndpoint),
    ...(serviceConfig === undefined ? {} : { serviceConfig }),
  };
}

/** What an older version did not write has its default. */
function readEndpoint(value: unknown): Endpoint {
  if (!isSound(value)) throw new Error(`not an endpoint: ${JSON.stringify(value).slice(0, 200)}`);
  return createEndpoint(value);
}

function isSound(value: unknown): value is Partial<Endpoint> & { readonly address: string } {
  if (typeof value !== "object" || value === null) return false;
  const { id, address, otherAddresses, service, contracts, protocols, tls, weight, zone, version } =
    value as Partial<Endpoint>;
  const { metadata, health, draining } = value as Partial<Endpoint>;
  return (
    isText(id) &&
    isAddress(address) &&
    (otherAddresses === undefined || (Array.isArray(otherAddresses) && otherAddresses.every(isAddress))) &&
    isText(service) &&
    isTexts(contracts) &&
    (protocols === undefined || isTexts(protocols)) &&
    (tls === undefined || typeof tls === "boolean") &&
    Number.isSafeInteger(weight) &&
    Number(weight) >= 0 &&
    (zone === undefined || isText(zone)) &&
    (version === undefined || isText(version)) &&
    typeof metadata === "object" &&
    metadata !== null &&
    Object.values(metadata).every(isText) &&
    (health === undefined || HEALTHS.has(health)) &&
    typeof draining === "boolean"
  );
}

const HEALTHS: ReadonlySet<unknown> = new Set<EndpointHealth>(["unknown", "healthy", "unhealthy"]);

function isAddress(value: unknown): boolean {
  return isText(value) && typeof parseAddress(value) !== "string";
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
