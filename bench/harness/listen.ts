/** Binding and closing of Node's own servers, for the peers that sit directly on them. */
import { once } from "node:events";
import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { AddressInfo, Server } from "node:net";

/** Listens on 127.0.0.1 and returns the port that the operating system gave. */
export async function listenOnLoopback(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Follows the sessions of an HTTP/2 server; the result closes the server and every session at once. */
export function closeHttp2Server(server: Http2Server): () => Promise<void> {
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  return async () => {
    const closed = once(server, "close");
    server.close();
    for (const session of sessions) session.destroy();
    await closed;
  };
}
