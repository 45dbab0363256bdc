/** `heddle control`: runs the control plane until a signal ends it. */
import { startControlPlane } from "../control/plane/plane.ts";

export async function control({ listen }: { readonly listen?: string | undefined }): Promise<number> {
  const plane = await startControlPlane(listen === undefined ? {} : { listen });
  process.stderr.write(`heddle control: registry at ${plane.address}\n`);
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.once("SIGINT", () => resolve());
  });
  await plane[Symbol.asyncDispose]();
  return 0;
}
