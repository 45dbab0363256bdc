/** `heddle control`: runs the control plane until a signal ends it. */
import { startControlPlane } from "../control/plane/plane.ts";
import { systemClock } from "../runtime/clock.ts";
import { onShutdown } from "../shutdown.ts";

export async function control({ listen }: { readonly listen?: string | undefined }): Promise<never> {
  const plane = await startControlPlane(listen === undefined ? {} : { listen });
  // Before the line that says it is up: whoever reads it may send the signal at once.
  onShutdown(["SIGTERM", "SIGINT"], systemClock, () => plane.close());
  process.stderr.write(`heddle control: registry at ${plane.address}\n`);
  return new Promise<never>(() => {});
}
