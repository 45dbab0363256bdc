/**
 * For a process that `start.ts` began: tells it when the instance is registered and, when asked, whom it called;
 * ends when the one who began it lets go or is gone. Does nothing in a process that was started by hand.
 */
import type { Mesh, MeshServer } from "heddle";
import type { CallTally } from "./call-tally.ts";

/** What a service process tells its starter. */
export type ServiceMessage =
  | { readonly kind: "ready"; readonly address: string }
  | { readonly kind: "tally"; readonly tally: CallTally };

export async function followStarter(mesh: Mesh, server: MeshServer, tally?: CallTally): Promise<void> {
  const tell = (message: ServiceMessage) => process.connected && process.send?.(message);
  process.once("disconnect", () => {
    mesh.close({ drainMs: 2000 }).then(
      () => process.exit(),
      () => process.exit(1),
    );
  });
  process.on("message", () => {
    if (tally !== undefined) tell({ kind: "tally", tally });
  });
  await server.registered;
  tell({ kind: "ready", address: server.address });
}
