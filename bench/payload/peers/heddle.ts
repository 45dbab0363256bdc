/** Heddle as an application uses it: a mesh on each side with every default on. */
import { createMesh, implement } from "heddle";
import { BlobService } from "../../gen/bench/v1/blobs_pb.ts";
import { portOf } from "../../harness/port-of.ts";
import type { PayloadPeer } from "../suite.ts";

export const peer: PayloadPeer = {
  usesRegistry: true,

  async startServer({ registryAddress }) {
    const mesh = await createMesh({ service: "blobs", registry: registryAddress, stateFolder: false });
    const server = await mesh.serve(implement(BlobService, { echo: ({ blob }) => ({ blob }) }));
    await server.registered;
    return { port: portOf(server.address), close: async () => mesh.close() };
  },

  async connect(_port, { registryAddress }) {
    const mesh = await createMesh({ service: "bench", registry: registryAddress, stateFolder: false });
    const blobs = mesh.client(BlobService);
    return { echo: (request) => blobs.echo(request), close: async () => mesh.close() };
  },
};
