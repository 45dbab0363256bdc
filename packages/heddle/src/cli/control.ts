/** `heddle control`: runs the control plane until a signal ends it. */
import { startControlPlane } from "../control/plane/plane.ts";
import { systemClock } from "../runtime/clock.ts";
import { onShutdown } from "../shutdown.ts";

export interface ControlOptions {
  readonly listen?: string | undefined;
  /** Folder; default: nothing is kept. */
  readonly data?: string | undefined;
  /** URL of an etcd. */
  readonly store?: string | undefined;
}

export async function control({ listen, data, store }: ControlOptions): Promise<never> {
  const plane = await startControlPlane({
    ...(listen === undefined ? {} : { listen }),
    ...(data === undefined ? {} : { data }),
    ...(store === undefined ? {} : { store }),
  });
  // Before the line that says it is up: whoever reads it may send the signal at once.
  onShutdown(["SIGTERM", "SIGINT"], systemClock, () => plane.close());
  process.stderr.write(`heddle control: registry at ${plane.address}\n`);
  return new Promise<never>(() => {});
}
