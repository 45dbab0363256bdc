/**
 * Registering in Kubernetes is Kubernetes' own job: kubelet asks a pod whether it is ready, and controllers write the
 * slices. What a process can do is tell the truth when it is asked. So the registrar of this registry keeps a
 * value, and a file for an exec probe, that say whether all that is served in this process wants calls.
 */
import { rm, writeFile } from "node:fs/promises";
import type { Hold, Holder } from "../holder.ts";
import { RegistrationRefused } from "../holder.ts";

export interface Readiness {
  /** True while something is registered and nothing of it drains or calls itself unhealthy. For an HTTP endpoint that a probe asks. */
  readonly isReady: boolean;
  /** Calls `listener` after each change. */
  onChange(listener: (isReady: boolean) => void): Disposable;
}

export interface ReadinessHolder extends Holder {
  readonly readiness: Readiness;
}

/**
 * `file` is there while it is ready, and written again every 10 s, so that a probe may look at its age too. One that a
 * former life of the container left behind is removed at once.
 */
export function createReadinessHolder({ file }: { readonly file: string | undefined }): ReadinessHolder {
  const ready = new Map<string, boolean>();
  const listeners = new Set<(isReady: boolean) => void>();
  let wasReady = false;
  /** One after the other, so that the last word is the last one written. */
  let writing: Promise<void> =
    file === undefined ? Promise.resolve() : rm(file, { force: true }).catch(() => {});

  const isReady = () => ready.size > 0 && [...ready.values()].every(Boolean);

  async function settle(): Promise<void> {
    const now = isReady();
    if (now !== wasReady) {
      wasReady = now;
      for (const listener of listeners) listener(now);
    }
    if (file === undefined) return;
    const written = writing.then(async () => {
      if (isReady()) await writeFile(file, "ready\n");
      else await rm(file, { force: true });
    });
    writing = written.catch(() => {});
    await written;
  }

  async function show(hold: Hold): Promise<void> {
    const { id, draining, health } = hold.instance;
    ready.set(id, !draining && health !== "unhealthy");
    try {
      await settle();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new RegistrationRefused(`readinessFile ${file} cannot be written (${code ?? "unknown"})`);
    }
  }

  return {
    async hold(hold) {
      for (;;) {
        await show(hold);
        hold.registered();
        await hold.next(REWRITE_MS);
      }
    },
    async release(instance) {
      ready.delete(instance.id);
      await settle();
    },
    heardWithinMs: HEARD_WITHIN_MS,
    readiness: {
      get isReady() {
        return isReady();
      },
      onChange(listener) {
        const own = (now: boolean) => listener(now);
        listeners.add(own);
        return {
          [Symbol.dispose]() {
            listeners.delete(own);
          },
        };
      },
    },
  };
}

const REWRITE_MS = 10_000;
/** From a pod that is being deleted to the last node whose rules no longer lead there: usually one or two seconds. */
const HEARD_WITHIN_MS = 5_000;
