/**
 * What the peers on bare `node:http2` share: settings that are too large to matter, request headers as a raw
 * list, and gRPC's five bytes before a message.
 */
import { once } from "node:events";
import * as http2 from "node:http2";
import { closeHttp2Server, listenOnLoopback } from "./listen.ts";
import type { RunningServer } from "./suite.ts";

export const prefixBytes = 5;

const windowBytes = 16 * 1024 * 1024;
const settings: http2.Settings = {
  initialWindowSize: windowBytes,
  maxConcurrentStreams: 1_000,
  enablePush: false,
};

export const responseHeaders = [":status", "200", "content-type", "application/grpc"];
export const okTrailers = { "grpc-status": "0" };
export const respondOptions = { waitForTrailers: true };

/** Serves one path; everything else is answered UNIMPLEMENTED. */
export async function serveByHand(
  path: string,
  onStream: (stream: http2.ServerHttp2Stream) => void,
): Promise<RunningServer> {
  const { enablePush: _clientOnly, ...serverSettings } = settings;
  const server = http2.createServer({ settings: serverSettings });
  const close = closeHttp2Server(server);
  server.on("session", (session) => session.setLocalWindowSize(windowBytes));
  server.on("stream", (stream, headers) => {
    stream.on("error", () => stream.destroy());
    if (headers[":path"] === path) onStream(stream);
    else stream.respond({ ":status": 200, "grpc-status": "12" }, { endStream: true });
  });
  return { port: await listenOnLoopback(server), close };
}

export async function connectByHand(port: number): Promise<http2.ClientHttp2Session> {
  const session = http2.connect(`http://127.0.0.1:${port}`, { settings });
  await once(session, "connect");
  session.setLocalWindowSize(windowBytes);
  return session;
}

/** An even array is a raw header list: Node takes it as it is and checks no object per call. */
export function rawRequestHeaders(path: string, port: number): string[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", `127.0.0.1:${port}`],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ].flat();
}

export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}
