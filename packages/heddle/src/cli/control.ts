/** `heddle control`: runs the control plane until a signal ends it. */
import { readFileSync } from "node:fs";
import { invalidOption } from "../call/check-option.ts";
import { startControlPlane } from "../control/plane/plane.ts";
import { systemClock } from "../runtime/clock.ts";
import { systemTimers } from "../runtime/timer.ts";
import { onShutdown } from "../shutdown.ts";

export interface ControlOptions {
  readonly listen?: string | undefined;
  /** Folder; default: nothing is kept. */
  readonly data?: string | undefined;
  /** URL of an etcd. */
  readonly store?: string | undefined;
  /** Files, PEM: with both the control plane speaks TLS. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** File of the authority whose client certificates are let in, and no others. */
  readonly ca?: string | undefined;
}

export async function control(options: ControlOptions): Promise<never> {
  const { listen, data, store, cert, key, ca } = options;
  if ((cert === undefined) !== (key === undefined))
    throw invalidOption("cert", "--cert and --key come together");
  if (ca !== undefined && cert === undefined) throw invalidOption("ca", "it needs --cert and --key");
  // No timer of the library keeps a process up, and while it waits for an etcd that is away nothing else does.
  const waiting = systemTimers.every(60_000, () => {});
  waiting.keepAlive(true);
  const plane = await startControlPlane({
    ...(listen === undefined ? {} : { listen }),
    ...(data === undefined ? {} : { data }),
    ...(store === undefined ? {} : { store }),
    ...(cert === undefined || key === undefined
      ? {}
      : {
          tls: {
            cert: readPem("cert", cert),
            key: readPem("key", key),
            ...(ca === undefined ? {} : { ca: readPem("ca", ca) }),
          },
        }),
  }).finally(() => waiting.cancel());
  // Before the line that says it is up: whoever reads it may send the signal at once.
  onShutdown(["SIGTERM", "SIGINT"], systemClock, () => plane.close());
  process.stderr.write(`heddle control: registry at ${plane.address}\n`);
  return new Promise<never>(() => {});
}

function readPem(option: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw invalidOption(
      option,
      `its file cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"})`,
    );
  }
}
