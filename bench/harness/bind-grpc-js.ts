import { type Server, ServerCredentials } from "@grpc/grpc-js";

/** Lets a server of grpc-js listen on a free port; resolves with what a peer gives back of its server. */
export async function bindGrpcJs(server: Server, credentials = ServerCredentials.createInsecure()) {
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return { port, close: async () => server.forceShutdown() };
}
