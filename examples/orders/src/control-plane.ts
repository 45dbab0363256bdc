/** The control plane as a process of its own, as `heddle control` is; tells its starter who is registered. */
import { startControlPlane } from "heddle/control";

/** What this process tells its starter. */
export type ControlPlaneMessage =
  | { readonly kind: "ready"; readonly address: string }
  | { readonly kind: "instances"; readonly ids: readonly string[] };

const plane = await startControlPlane({ listen: "127.0.0.1:0" });
const tell = (message: ControlPlaneMessage) => process.connected && process.send?.(message);
const changes = plane.registry.watch("", () => setImmediate(tellInstances));
tell({ kind: "ready", address: plane.address });
tellInstances();
process.once("disconnect", () => {
  changes.close();
  plane[Symbol.asyncDispose]().then(
    () => process.exit(),
    () => process.exit(1),
  );
});

function tellInstances(): void {
  // Taking what has changed is what asks to be told of the next change.
  while (changes.take() !== undefined);
  tell({ kind: "instances", ids: plane.registry.list("").instances.map(({ id }) => id) });
}
