/** The control plane as a process of its own, as `heddle control` is. */
import { startControlPlane } from "heddle/control";

/** What this process tells its starter. */
export interface ControlPlaneMessage {
  readonly kind: "ready";
  readonly address: string;
}

const plane = await startControlPlane({ listen: "127.0.0.1:0" });
const ready: ControlPlaneMessage = { kind: "ready", address: plane.address };
if (process.connected) process.send?.(ready);
process.once("disconnect", () => {
  plane[Symbol.asyncDispose]().then(
    () => process.exit(),
    () => process.exit(1),
  );
});
