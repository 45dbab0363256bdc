/**
 * What a services file, or all files of a folder, say right now: read once for all targets, and again when they change. The
 * system tells of changes (`fs.watch`); looking at times and sizes every few seconds finds what it did not tell, which
 * happens on network file systems.
 *
 * A file that cannot be understood keeps what it said before. A path that is not there is a registry that cannot be reached:
 * nobody deletes the last instance by unmounting a folder.
 *
 * A file with a `ttlMs` must be touched. How long ago that was is measured here, by the monotonic clock, from the moment at
 * which the touch was seen: only for a file never seen before the two wall clocks are compared, so that a clock that
 * jumps takes no instance away from those who watch.
 */
import { type FSWatcher, watch } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Timer } from "../../runtime/timer.ts";
import type { Endpoint } from "../endpoint.ts";
import { namesOf } from "../names.ts";
import { type Bell, createBell } from "../waiting/bell.ts";
import { inParallel } from "../waiting/in-parallel.ts";
import { isServicesName, parseServicesText } from "./parse-text.ts";
import { readRegularFile } from "./read-regular-file.ts";
import type { ServicesFile } from "./services-file.ts";

export interface Catalog {
  /**
   * What is known, and again after each look at the files. Throws when the path cannot be read, and when nothing in a single
   * file could ever be understood. The files are watched for as long as somebody follows.
   */
  follow(signal: AbortSignal): AsyncGenerator<CatalogView, void>;
}

export interface CatalogView {
  /** The same list for as long as nothing in it has changed. */
  find(name: string): readonly Endpoint[];
  /** False while a file has never been understood: what is missing may stand in it. */
  readonly complete: boolean;
}

export interface CatalogOptions {
  /** A file or a folder. */
  readonly path: string;
  /** How often the files are looked at without being told to. */
  readonly pollMs: number;
  readonly runtime: Runtime;
  readonly onWarning: (message: string, cause?: unknown) => void;
}

export function createCatalog(options: CatalogOptions): Catalog {
  const { path, pollMs, runtime, onWarning } = options;
  const files = new Map<string, KnownFile>();
  const followers = new Set<Bell>();
  /** Names that the system told about since the last look; undefined: all. */
  let dirty: Set<string> | undefined;
  let index = new Map<string, readonly Endpoint[]>();
  /** What `index` was made of. */
  let indexed: readonly ServicesFile[] = [];
  let looked = false;
  let failure: Error | undefined;
  let looking = false;
  let watcher: { readonly of: FSWatcher; readonly folder: string; readonly inode: number } | undefined;
  let cannotWatch = false;
  let timers: { readonly poll: Timer; soon?: Timer | undefined; expiry?: Timer | undefined } | undefined;

  const view: CatalogView = {
    find: (name) => index.get(name) ?? NONE,
    get complete() {
      return [...files.values()].every(({ content }) => content !== undefined);
    },
  };

  async function look(): Promise<void> {
    if (looking || followers.size === 0) return;
    looking = true;
    const names = dirty;
    dirty = new Set();
    try {
      if (names === undefined || failure !== undefined) await readAll();
      else await Promise.all([...names].map((name) => readOne(join(path, name))));
      failure = undefined;
      reindex();
    } catch (error) {
      failure = error as Error;
      dirty = undefined;
    } finally {
      looking = false;
      looked = true;
    }
    for (const bell of followers) bell.ring();
    if (failure === undefined && (dirty === undefined || dirty.size > 0)) lookSoon();
  }

  async function readAll(): Promise<void> {
    const isFolder = (await stat(path)).isDirectory();
    await watchFolder(isFolder ? path : dirname(path));
    const names = isFolder ? (await readdir(path)).filter(isServicesName).toSorted() : undefined;
    const paths = names?.map((name) => join(path, name)) ?? [path];
    const present = new Set(paths);
    for (const known of files.keys()) if (!present.has(known)) files.delete(known);
    await inParallel(paths, READS_AT_ONCE, readOne);
    const [only] = files.values();
    if (!isFolder && only?.content === undefined) throw only?.fault ?? new Error(`${path} is not there`);
  }

  async function readOne(file: string): Promise<void> {
    const known = files.get(file);
    const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (!found?.isFile()) return void files.delete(file);
    const { mtimeMs, size, ino } = found;
    const isRead = known !== undefined && known.size === size && known.inode === ino;
    if (isRead && known.mtimeMs === mtimeMs) return;
    const now = runtime.clock.now();
    // A touch that nobody was there to see may be long ago.
    const sinceTouchMs = known && looked ? 0 : Math.max(0, runtime.clock.wallMs() - mtimeMs);
    const state = { mtimeMs, size, inode: ino, touchedAt: now - sinceTouchMs };
    // A registrar replaces its file and never writes into it: this one was only touched.
    if (isRead && known.content?.ttlMs !== undefined) return void files.set(file, { ...known, ...state });
    try {
      const content = await parseServicesText(await readRegularFile(file, MAX_FILE_BYTES), file);
      files.set(file, { ...state, content });
    } catch (fault) {
      if ((fault as NodeJS.ErrnoException).code === "ENOENT") return void files.delete(file);
      files.set(file, { ...state, content: known?.content, fault: fault as Error });
      onWarning(
        `${(fault as Error).message} (${known?.content ? "what it said before holds" : "the file is ignored"})`,
        fault,
      );
    }
  }

  /** Makes the lists again when a file came, went, changed or expired, and keeps each list that is the same. */
  function reindex(): void {
    const now = runtime.clock.now();
    let expiresInMs = Number.POSITIVE_INFINITY;
    const live: ServicesFile[] = [];
    for (const { content, touchedAt } of files.values()) {
      if (content === undefined) continue;
      const leftMs = content.ttlMs === undefined ? Number.POSITIVE_INFINITY : touchedAt + content.ttlMs - now;
      if (leftMs <= 0) continue;
      expiresInMs = Math.min(expiresInMs, leftMs);
      live.push(content);
    }
    if (timers) {
      timers.expiry?.cancel();
      timers.expiry = Number.isFinite(expiresInMs) ? runtime.timers.after(expiresInMs, lookSoon) : undefined;
    }
    if (live.length === indexed.length && live.every((content, at) => content === indexed[at])) return;
    indexed = live;
    const fresh = new Map<string, Endpoint[]>();
    for (const { instances } of live)
      for (const instance of instances)
        for (const name of namesOf(instance)) {
          const list = fresh.get(name);
          if (list) list.push(instance);
          else fresh.set(name, [instance]);
        }
    index = new Map([...fresh].map(([name, list]) => [name, sameOr(index.get(name), list)]));
  }

  function lookSoon(): void {
    if (!timers || timers.soon) return;
    timers.soon = runtime.timers.after(QUIET_MS, () => {
      if (timers) timers.soon = undefined;
      void look();
    });
  }

  function lookAtAll(): void {
    dirty = undefined;
    void look();
  }

  async function watchFolder(folder: string): Promise<void> {
    const { ino: inode } = await stat(folder);
    if (cannotWatch || !timers || (watcher?.folder === folder && watcher.inode === inode)) return;
    watcher?.of.close();
    watcher = undefined;
    try {
      const of = watch(folder, { persistent: false }, (_, name) => onTold(folder, name));
      watcher = { of, folder, inode };
      of.on("error", (error) => giveUpWatching(folder, error));
    } catch (error) {
      giveUpWatching(folder, error);
    }
  }

  function giveUpWatching(folder: string, error: unknown): void {
    watcher?.of.close();
    watcher = undefined;
    cannotWatch = true;
    onWarning(`${folder} cannot be watched: it is looked at every ${pollMs} ms`, error);
  }

  function onTold(folder: string, name: string | null): void {
    // What a volume of Kubernetes does: the files are links into "..data", which is swapped.
    const isSwap = name === null || name.startsWith("..") || folder !== path;
    if (folder !== path && name !== null && name !== basename(path) && !name.startsWith("..")) return;
    if (isSwap) dirty = undefined;
    else if (!isServicesName(name)) return;
    else dirty?.add(name);
    lookSoon();
  }

  function begin(): void {
    timers = { poll: runtime.timers.every(pollMs, lookAtAll) };
    lookAtAll();
  }

  function stop(): void {
    timers?.poll.cancel();
    timers?.soon?.cancel();
    timers?.expiry?.cancel();
    timers = undefined;
    watcher?.of.close();
    watcher = undefined;
    looked = false;
  }

  return {
    async *follow(signal) {
      using bell = createBell(signal, runtime.timers);
      followers.add(bell);
      if (followers.size === 1) begin();
      try {
        if (!looked) await bell.wait();
        while (!signal.aborted) {
          if (failure !== undefined) throw failure;
          if (looked) yield view;
          await bell.wait();
        }
      } finally {
        followers.delete(bell);
        if (followers.size === 0) stop();
      }
    },
  };
}

const NONE: readonly Endpoint[] = [];
/** Writers that do not rename need a moment; several changes at once are one. */
const QUIET_MS = 20;
const READS_AT_ONCE = 64;
const MAX_FILE_BYTES = 64 * 1024 * 1024;

interface KnownFile {
  readonly mtimeMs: number;
  readonly size: number;
  readonly inode: number;
  /** On the monotonic clock. */
  readonly touchedAt: number;
  /** What it said when it was last understood; undefined: never. */
  readonly content: ServicesFile | undefined;
  /** Why it could not be understood last. */
  readonly fault?: Error;
}

function sameOr(before: readonly Endpoint[] | undefined, now: readonly Endpoint[]): readonly Endpoint[] {
  const isSame = before?.length === now.length && before.every((endpoint, index) => endpoint === now[index]);
  return isSame ? before : now;
}
