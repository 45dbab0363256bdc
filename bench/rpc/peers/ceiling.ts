/**
 * The ceiling: what two Node processes can do at all with a promise per call on one TCP connection.
 *
 * A frame is a 4-byte length, a 4-byte call id and an order, encoded before the clock starts. The
 * server cuts the stream into frames and echoes each; both ends gather the frames of one tick into one
 * write. There is no codec, no header, no flow control and no error: every real protocol does more
 * than this, so its share of the ceiling says how much of the machine it leaves to the application.
 */
import { once } from "node:events";
import * as net from "node:net";
import type { PlaceOrderRequest } from "../../gen/bench/v1/orders_pb.ts";
import { encodeRequest } from "../codec.ts";
import { listenOnLoopback } from "../../harness/listen.ts";
import type { RpcPeer } from "../suite.ts";

const headerBytes = 8;

/** A power of two, well above the most calls in flight. */
const waitingSlots = 4096;

export const peer: RpcPeer = {
  async startServer() {
    const sockets = new Set<net.Socket>();
    const server = net.createServer({ noDelay: true }, (socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      const write = createTickWriter(socket);
      readFrames(socket, (chunk, start, end) => write(chunk, start, end));
    });
    const port = await listenOnLoopback(server);
    return {
      port,
      close: async () => {
        server.close();
        for (const socket of sockets) socket.destroy();
      },
    };
  },

  async connect(port) {
    const socket = net.connect({ host: "127.0.0.1", port, noDelay: true });
    await once(socket, "connect");
    const write = createTickWriter(socket);
    // Slots, not a Map: its discarded tables would keep calls alive through young collections.
    const waiting: (Waiting | undefined)[] = Array.from({ length: waitingSlots }, () => undefined);
    const frames = new Map<PlaceOrderRequest, Buffer>();
    let lastId = 0;

    readFrames(socket, (chunk, start, end) => {
      const id = chunk.readUInt32LE(start + 4);
      const call = waiting[id & (waitingSlots - 1)];
      waiting[id & (waitingSlots - 1)] = undefined;
      if (!call) throw new Error(`ceiling: frame for call ${id}, which nobody waits for`);
      // The id was written over the copy in flight only: compare what follows it.
      if (chunk.compare(call.frame, headerBytes, call.frame.length, start + headerBytes, end) === 0) {
        call.resolve(call.request);
      } else {
        call.reject(new Error("ceiling: the echo differs from what was sent"));
      }
    });

    return {
      call(request) {
        let frame = frames.get(request);
        if (!frame) {
          frame = toFrame(request);
          frames.set(request, frame);
        }
        lastId = (lastId + 1) >>> 0;
        frame.writeUInt32LE(lastId, 4);
        write(frame, 0, frame.length);
        const slot = lastId & (waitingSlots - 1);
        if (waiting[slot] !== undefined)
          throw new Error("ceiling: more calls in flight than there are slots");
        return new Promise((resolve, reject) => {
          waiting[slot] = { request, frame, resolve, reject };
        });
      },
      close: async () => {
        socket.destroy();
      },
    };
  },
};

interface Waiting {
  readonly request: PlaceOrderRequest;
  readonly frame: Buffer;
  resolve(answer: PlaceOrderRequest): void;
  reject(error: Error): void;
}

function toFrame(request: PlaceOrderRequest): Buffer {
  const payload = encodeRequest(request);
  const frame = Buffer.alloc(headerBytes + payload.length);
  frame.writeUInt32LE(payload.length, 0);
  frame.set(payload, headerBytes);
  return frame;
}

/** Calls `onFrame` with the place of each whole frame; the bytes are only valid during that call. */
function readFrames(socket: net.Socket, onFrame: (chunk: Buffer, start: number, end: number) => void): void {
  let rest: Buffer | undefined;
  socket.on("data", (data: Buffer) => {
    const chunk = rest ? Buffer.concat([rest, data]) : data;
    let start = 0;
    while (chunk.length - start >= headerBytes) {
      const end = start + headerBytes + chunk.readUInt32LE(start);
      if (end > chunk.length) break;
      onFrame(chunk, start, end);
      start = end;
    }
    rest = start < chunk.length ? chunk.subarray(start) : undefined;
  });
}

/** Copies what is written during a tick into one buffer and hands it to the socket at the end of it. */
function createTickWriter(socket: net.Socket): (source: Buffer, start: number, end: number) => void {
  let buffer = Buffer.allocUnsafeSlow(64 * 1024);
  let used = 0;
  const flush = () => {
    const full = buffer.subarray(0, used);
    used = 0;
    // The socket may still hold the last buffer when the kernel did not take all of it.
    if (!socket.write(full) || socket.writableLength > 0) buffer = Buffer.allocUnsafeSlow(buffer.length);
  };
  return (source, start, end) => {
    if (used === 0) process.nextTick(flush);
    const needed = used + end - start;
    if (needed > buffer.length) {
      const larger = Buffer.allocUnsafeSlow(needed * 2);
      buffer.copy(larger, 0, 0, used);
      buffer = larger;
    }
    source.copy(buffer, used, start, end);
    used = needed;
  };
}
