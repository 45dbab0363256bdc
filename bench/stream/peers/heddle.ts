/** Heddle as an application uses it: a mesh on each side with every default on. */
import { createMesh, implement } from "heddle";
import { TickService } from "../../gen/bench/v1/ticks_pb.ts";
import { portOf } from "../../harness/port-of.ts";
import type { StreamPeer } from "../suite.ts";
import { watch } from "../ticks.ts";

export const peer: StreamPeer = {
  usesRegistry: true,

  async startServer({ registryAddress }) {
    const mesh = await createMesh({ service: "ticks", registry: registryAddress, stateFolder: false });
    const server = await mesh.serve(implement(TickService, { watch }));
    await server.registered;
    return { port: portOf(server.address), close: async () => mesh.close() };
  },

  async connect(_port, { registryAddress }) {
    const mesh = await createMesh({ service: "bench", registry: registryAddress, stateFolder: false });
    const ticks = mesh.client(TickService);
    return {
      async watch(request, onTick) {
        for await (const tick of ticks.watch(request)) onTick(tick);
      },
      close: async () => mesh.close(),
    };
  },
};
