/**
 * Registers an instance as a file of its own in a folder that all processes of a machine (or of a shared volume) read. The file is
 * written beside and renamed, so that readers see all of it or nothing, and touched every third of its time to live.
 * A process that is killed stops touching, and its instance is gone when that time is over.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Endpoint } from "../endpoint.ts";
import { type Hold, type Holder, RegistrationRefused, refuseNewerOwner } from "../holder.ts";
import { inTime } from "../waiting/in-time.ts";
import { unlessAborted } from "../waiting/unless-aborted.ts";
import { readRegularFile } from "./read-regular-file.ts";
import { instanceFileText, readServicesFile } from "./services-file.ts";

export interface FileHolderOptions {
  /** Made when it is not there. */
  readonly folder: string;
  readonly ttlMs: number;
  readonly incarnation: bigint;
  readonly runtime: Runtime;
}

export function createFileHolder({ folder, ttlMs, incarnation, runtime }: FileHolderOptions): Holder {
  /** Writes the instance unless a newer process has it. */
  async function write(instance: Endpoint): Promise<void> {
    const path = join(folder, fileNameOf(instance.id));
    await mkdir(folder, { recursive: true });
    await ownerOf(path, instance.id);
    const temporary = join(folder, `.${randomUUID()}.tmp`);
    try {
      await writeFile(temporary, instanceFileText(instance, incarnation, ttlMs));
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      throw error;
    }
  }

  /** True when the file was there, was ours, and is touched now. */
  async function touch(instance: Endpoint): Promise<boolean> {
    const path = join(folder, fileNameOf(instance.id));
    if ((await ownerOf(path, instance.id)) !== incarnation) return false;
    const now = runtime.clock.wallMs() / 1000;
    await utimes(path, now, now);
    return true;
  }

  /** Whose the file is; undefined: nobody's. Throws when that is a newer process. */
  async function ownerOf(path: string, id: string): Promise<bigint | undefined> {
    const owner = await incarnationIn(path);
    refuseNewerOwner(id, owner, incarnation);
    return owner;
  }

  async function renew(hold: Hold): Promise<never> {
    const timeoutMs = ttlMs / 3;
    const tooLate = () => new Error(`${folder} did not answer within ${timeoutMs} ms`);
    /** Instances that started together don't touch their files together. */
    const pauseMs = () => (ttlMs / 3) * (0.75 + 0.25 * runtime.random.next());
    for (let news: "changed" | "due" = "changed"; ; news = await hold.next(pauseMs())) {
      const { instance } = hold;
      const renewal = async () => {
        if (news === "changed" || !(await touch(instance))) await write(instance);
      };
      // A file system that does not answer (NFS) is a registry that does not answer.
      await inTime(renewal(), timeoutMs, runtime.timers, tooLate);
      hold.registered();
    }
  }

  return {
    async hold(hold) {
      try {
        return await unlessAborted(renew(hold), hold.signal);
      } catch (error) {
        throw isForbidden(error)
          ? new RegistrationRefused(`${folder} may not be written: ${error.message}`, { cause: error })
          : error;
      }
    },
    async release(instance) {
      const path = join(folder, fileNameOf(instance.id));
      if ((await incarnationIn(path)) === incarnation) await rm(path, { force: true });
    },
  };
}

/** A readable name that no id can leave the folder with, or hide in it. */
export function fileNameOf(id: string): string {
  const escaped = encodeURIComponent(id.toWellFormed())
    .replace(/^\./, "%2E")
    .replace(/^~/, "%7E")
    .replaceAll("*", "%2A");
  if (escaped.length <= MAX_NAME) return `${escaped}.json`;
  return `${escaped.slice(0, MAX_NAME - 33)}-${createHash("sha256").update(id).digest("hex").slice(0, 32)}.json`;
}

const MAX_NAME = 200;
/** Of the file of one instance. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Undefined when there is no file, or none that says whose it is. */
async function incarnationIn(path: string): Promise<bigint | undefined> {
  try {
    return readServicesFile(JSON.parse(await readRegularFile(path, MAX_FILE_BYTES))).incarnation;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // What is no file of ours is replaced; ENXIO is said of sockets.
    if (code === undefined || code === "ENOENT" || code === "ENXIO") return undefined;
    throw error;
  }
}

function isForbidden(error: unknown): error is NodeJS.ErrnoException {
  return ["EACCES", "EPERM", "EROFS", "ENOTDIR"].includes((error as NodeJS.ErrnoException)?.code ?? "");
}
