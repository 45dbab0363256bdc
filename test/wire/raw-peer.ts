/**
 * A peer on a real socket that writes whatever frames a test wants: what an attacker does, with nothing of ours.
 */
import { connect, type Socket } from "node:net";
import { until, within } from "../kit/within.ts";

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export function frame(
  type: number,
  flags: number,
  id: number,
  payload: Uint8Array | readonly number[] = [],
): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(id, 5);
  return Buffer.concat([header, Buffer.from(payload)]);
}

export const settings = frame(4, 0, 0);
export const settingsAck = frame(4, 1, 0);
export const ping = frame(6, 0, 0, new Uint8Array(8));

export function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

/** A header block of literals without indexing, names and values as they are. */
export function block(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** The head of a gRPC request. */
export function requestBlock(path: string, more: readonly (readonly [string, string])[] = []): Buffer {
  return block([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "raw"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...more,
  ]);
}

export function openStream(id: number, path: string, flags = 0x4): Buffer {
  return frame(1, flags, id, requestBlock(path));
}

/** Connects, and sends preface and settings unless `bare`. */
export async function connectRaw(address: string, { bare = false, reads = true } = {}): Promise<RawPeer> {
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  const socket = connect({ host: "127.0.0.1", port });
  const peer = new RawPeer(socket, reads);
  await within(new Promise((resolve) => socket.once("connect", resolve)), "the connection");
  if (!bare) peer.write(PREFACE, settings);
  return peer;
}

export class RawPeer {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  /** The other side has closed. */
  closed = false;
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes of the preface that have still to come, when the other side is a client. */
  #preface: number;

  constructor(socket: Socket, reads: boolean, { ofClient = false } = {}) {
    this.socket = socket;
    this.#preface = ofClient ? PREFACE.length : 0;
    socket.on("error", () => {});
    socket.on("close", () => (this.closed = true));
    socket.on("end", () => (this.closed = true));
    if (reads) this.read();
  }

  /** Starts to read, if it did not yet. */
  read(): void {
    this.socket.on("data", (chunk: Buffer) => this.#parse(chunk));
  }

  write(...parts: readonly Uint8Array[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(parts));
  }

  /** Writes `bytes(i)` for i from 0, in batches, waiting for the socket, until all are out or the peer has closed. */
  async flood(count: number, bytes: (i: number) => Uint8Array): Promise<void> {
    for (let i = 0; i < count && !this.closed && !this.socket.destroyed; ) {
      const batch: Uint8Array[] = [];
      for (let size = 0; i < count && size < 65_536; i++) {
        const next = bytes(i);
        batch.push(next);
        size += next.length;
      }
      if (!this.socket.write(Buffer.concat(batch))) await this.#drained();
      else await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The error code of the GOAWAY, once the peer has closed. */
  async goaway(): Promise<number | undefined> {
    await until(() => this.closed, "the other side closes");
    return this.frames.find(({ type }) => type === 7)?.payload.readUInt32BE(4);
  }

  /** Resets received so far, as `[stream, code]`. */
  get resets(): [number, number][] {
    return this.frames
      .filter(({ type }) => type === 3)
      .map(({ id, payload }) => [id, payload.readUInt32BE(0)]);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        this.socket.off("drain", go);
        this.socket.off("close", go);
        clearTimeout(timer);
        resolve();
      };
      // A peer that stops to read must not hang the test: the next write finds out.
      const timer = setTimeout(() => {
        this.socket.destroy();
        go();
      }, 5000);
      this.socket.on("drain", go);
      this.socket.on("close", go);
    });
  }

  #parse(chunk: Buffer): void {
    const skipped = Math.min(this.#preface, chunk.length);
    this.#preface -= skipped;
    let bytes = Buffer.concat([this.#rest, chunk.subarray(skipped)]);
    while (bytes.length >= 9) {
      const length = bytes.readUIntBE(0, 3);
      if (bytes.length < 9 + length) break;
      this.frames.push({
        type: bytes[3] as number,
        flags: bytes[4] as number,
        id: bytes.readUInt32BE(5) & 0x7fffffff,
        payload: copyOf(bytes.subarray(9, 9 + length)),
      });
      bytes = bytes.subarray(9 + length);
    }
    this.#rest = bytes;
  }
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

/** A copy with memory of its own: a part of what was read, or of Node's pool, would keep all of that. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
