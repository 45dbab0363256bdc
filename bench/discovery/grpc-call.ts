/** One gRPC call by hand on `node:http2`: how long an answer of tens of megabytes takes to arrive, without reading it. */
import { connect, constants } from "node:http2";

export interface TimedAnswer {
  readonly ms: number;
  readonly bytes: number;
}

/** Window enough for the largest answer: what is measured is the registry, not a reader that gives windows back. */
const WINDOW_BYTES = 2 ** 28;

export function timeGrpcCall(address: string, path: string, message: Uint8Array): Promise<TimedAnswer> {
  const session = connect(`http://${address}`, { settings: { initialWindowSize: WINDOW_BYTES } });
  return new Promise<TimedAnswer>((resolve, reject) => {
    session.on("error", reject);
    session.once("connect", () => session.setLocalWindowSize(WINDOW_BYTES));
    session.once("remoteSettings", () => {
      const startedAtMs = performance.now();
      const stream = session.request({
        [constants.HTTP2_HEADER_METHOD]: "POST",
        [constants.HTTP2_HEADER_PATH]: path,
        "content-type": "application/grpc",
        te: "trailers",
      });
      let bytes = 0;
      stream.on("data", (chunk: Buffer) => (bytes += chunk.length));
      stream.on("error", reject);
      stream.on("trailers", ({ "grpc-status": status, "grpc-message": text }) => {
        if (String(status) === "0") resolve({ ms: performance.now() - startedAtMs, bytes });
        else reject(new Error(`${path}: ${String(text)}`));
      });
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(message.length, 1);
      stream.end(Buffer.concat([prefix, message]));
    });
  }).finally(() => session.close());
}
