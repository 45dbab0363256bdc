/**
 * A client machine and a server machine joined in memory: whatever one writes reaches the other, cut where the
 * test says. The server echoes every message, and ends with trailers when the client has ended.
 */
import assert from "node:assert/strict";
import { EnvelopeReader } from "../envelope-reader.ts";
import { parseFrames, type RawFrame } from "./raw-frames.test.ts";
import { Http2Connection, type Http2Role } from "./connection.ts";
import { CLIENT_PREFACE } from "./constants.ts";
import type { Http2Limits } from "./limits.ts";
import type { Http2Stream } from "./stream.ts";

/** What one side saw of one stream. */
export class Seen {
  readonly messages: Uint8Array[] = [];
  stream: Http2Stream | undefined;
  ended = false;
  trailers = false;
  resetCode: number | undefined;
  unprocessed = false;
  /** Bytes received that the reader has not taken. */
  untaken = 0;
  readonly reader = new EnvelopeReader(1 << 24, (_flag, bytes, start, end) =>
    this.messages.push(bytes.slice(start, end)),
  );
}

export interface PairOptions {
  readonly client?: Partial<Http2Limits>;
  readonly server?: Partial<Http2Limits>;
  /** Size of the n-th piece of bytes handed on. Default: all there is. */
  readonly pieceBytes?: (n: number) => number;
  /** Readers take what arrives at once. Default true; with false, call `takeAll`. */
  readonly takes?: boolean;
}

export class MachinePair {
  readonly client: Http2Connection;
  readonly server: Http2Connection;
  readonly atClient = new Map<number, Seen>();
  readonly atServer = new Map<number, Seen>();
  readonly errors: string[] = [];
  readonly #options: PairOptions;
  #pieces = 0;
  #toServer: Uint8Array = new Uint8Array(0);
  #toClient: Uint8Array = new Uint8Array(0);
  /** What our side has sent, checked against what the other granted. */
  readonly #checkClient = new WindowCheck();
  readonly #checkServer = new WindowCheck();

  constructor(options: PairOptions = {}) {
    this.#options = options;
    this.client = this.#machine("client", this.atClient, options.client);
    this.server = this.#machine("server", this.atServer, options.server);
    this.client.open();
    this.server.open();
    this.run();
  }

  /** A client stream with its request's head. */
  open(): Http2Stream {
    const stream = this.client.openStream(undefined);
    writeHead(
      this.client,
      stream,
      [":method", "POST", ":scheme", "http", ":path", `/s/m${stream.id % 7}`, ":authority", "a"],
      false,
    );
    this.atClient.set(stream.id, new Seen());
    return stream;
  }

  send(machine: Http2Connection, stream: Http2Stream, message: Uint8Array, end = false): void {
    machine.sendMessage(stream, 0, message, 0, message.length, end);
  }

  /** Hands bytes to and fro until neither side has any; false when `turns` did not suffice. */
  run(turns = 1_000_000): boolean {
    for (let turn = 0; turn < turns; turn++) {
      this.#collect();
      if (this.#toServer.length === 0 && this.#toClient.length === 0) return true;
      this.#toServer = this.#hand(this.server, this.#toServer);
      this.#collect();
      this.#toClient = this.#hand(this.client, this.#toClient);
    }
    return false;
  }

  /** The readers of both sides take everything that waits. */
  takeAll(): void {
    for (const [machine, seen] of [
      [this.client, this.atClient],
      [this.server, this.atServer],
    ] as const) {
      for (const each of seen.values()) {
        if (each.stream !== undefined && each.untaken > 0) machine.take(each.stream, each.untaken);
        each.untaken = 0;
      }
    }
  }

  #collect(): void {
    this.#toServer = drain(this.client, this.#toServer, this.#checkServer, this.#checkClient);
    this.#toClient = drain(this.server, this.#toClient, this.#checkClient, this.#checkServer);
  }

  #hand(machine: Http2Connection, bytes: Uint8Array): Uint8Array {
    if (bytes.length === 0) return bytes;
    const size = Math.max(1, this.#options.pieceBytes?.(this.#pieces++) ?? bytes.length);
    machine.receive(bytes.slice(0, size), this.#pieces * 1000);
    return bytes.subarray(Math.min(size, bytes.length));
  }

  #machine(role: Http2Role, seenHere: Map<number, Seen>, limits: Partial<Http2Limits> = {}): Http2Connection {
    const of = (stream: Http2Stream): Seen => {
      let seen = seenHere.get(stream.id);
      if (seen === undefined) seenHere.set(stream.id, (seen = new Seen()));
      seen.stream = stream;
      return seen;
    };
    const onEnd = (stream: Http2Stream, seen: Seen) => {
      assert.equal(seen.ended, false, "a stream ends once");
      seen.ended = true;
      if (role === "server")
        machine.afterData(stream, () => writeHead(machine, stream, ["grpc-status", "0"], true), undefined);
    };
    const machine = new Http2Connection(
      role,
      {
        onHeaders: (stream, _block, endStream, trailers) => {
          const seen = of(stream);
          if (trailers) seen.trailers = true;
          else if (role === "server") writeHead(machine, stream, [":status", "200"], false);
          if (endStream) onEnd(stream, seen);
        },
        onData: (stream, bytes, start, end, endStream) => {
          const seen = of(stream);
          assert.ok(stream.receiveWindow >= 0, "a peer that keeps the rules is never over its window");
          const before = seen.messages.length;
          assert.equal(seen.reader.push(bytes, start, end), undefined);
          if (this.#options.takes ?? true) machine.take(stream, end - start);
          else seen.untaken += end - start;
          if (role === "server")
            for (const message of seen.messages.slice(before)) this.send(machine, stream, message);
          if (endStream) onEnd(stream, seen);
        },
        onReset: (stream, code, unprocessed) => {
          const seen = of(stream);
          seen.resetCode = code;
          seen.unprocessed = unprocessed;
        },
        onWritable: () => {},
        onSettings: () => {},
        onGoaway: () => {},
        onPong: () => {},
        onLoadProbe: () => {},
        onLoadReport: () => {},
        onConnectionError: (error) => void this.errors.push(`${role}: ${error.rawMessage}`),
      },
      limits,
    );
    return machine;
  }
}

function writeHead(
  machine: Http2Connection,
  stream: Http2Stream,
  fields: readonly string[],
  endStream: boolean,
): void {
  const mark = machine.beginHeaders();
  for (let i = 0; i < fields.length; i += 2)
    machine.encoder.field(machine.out, fields[i] as string, fields[i + 1] as string, "index");
  machine.endHeaders(mark, stream, endStream);
}

/** Moves the machine's output behind `pending`, and lets the checks see the frames. */
function drain(
  machine: Http2Connection,
  pending: Uint8Array,
  grantedHere: WindowCheck,
  sentHere: WindowCheck,
): Uint8Array {
  if (machine.out.length === 0) {
    // As a socket that has taken everything: data that waited for room may go.
    machine.sender.pump();
    if (machine.out.length === 0) return pending;
  }
  const bytes = machine.out.view().slice();
  machine.out.reset();
  for (const each of parseFrames(
    bytes[0] === CLIENT_PREFACE[0] && bytes[1] === CLIENT_PREFACE[1]
      ? bytes.subarray(CLIENT_PREFACE.length)
      : bytes,
  )) {
    grantedHere.onGranted(each);
    sentHere.onSent(each);
  }
  return new Uint8Array(Buffer.concat([pending, bytes]));
}

/** An independent account of the connection's window and of frame sizes, from the frames alone. */
class WindowCheck {
  #connection = 65_535;
  readonly #endedStreams = new Set<number>();

  onGranted({ type, id, payload }: RawFrame): void {
    if (type === 8 && id === 0) this.#connection += new DataView(payload.buffer).getUint32(0);
  }

  onSent({ type, flags, id, payload }: RawFrame): void {
    assert.ok(payload.length <= 16_384, "no frame is larger than the peer accepts");
    if (type === 0) {
      this.#connection -= payload.length;
      assert.ok(this.#connection >= 0, "never more data than the connection window");
    }
    if (type !== 0 && type !== 1) return;
    assert.ok(!this.#endedStreams.has(id), "nothing after END_STREAM");
    if ((flags & 1) !== 0) this.#endedStreams.add(id);
  }
}
