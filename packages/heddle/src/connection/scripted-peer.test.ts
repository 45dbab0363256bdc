/**
 * The other end of a connection in the hands of a test: an HTTP/2 machine without gRPC on top, which answers, or
 * asks, exactly what the test says. Used by the tests of client and server.
 */
import assert from "node:assert/strict";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { setImmediate as macrotask, setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../runtime/clock.ts";
import { systemTimers } from "../runtime/timer.ts";
import { Http2Connection } from "../wire/http2/connection.ts";
import { writeData } from "../wire/http2/frame-writer.ts";
import type { Http2Limits } from "../wire/http2/limits.ts";
import type { Http2Stream } from "../wire/http2/stream.ts";
import { closeInMemory, connectInMemory, listenInMemory } from "./memory.ts";
import { SocketDriver } from "./socket-driver.ts";

/** Waits until `condition` holds: turn by turn of the event loop, and after a while, when others work on it, now and then. */
export async function until(condition: () => boolean, what = "the condition"): Promise<void> {
  const startedAtMs = systemClock.now();
  while (!condition()) {
    const waitedMs = systemClock.now() - startedAtMs;
    if (waitedMs > 30_000) assert.fail(`${what} did not come true`);
    await (waitedMs < 20 ? macrotask() : delay(1));
  }
}

/** A gRPC message in its envelope. */
export function envelope(payload: Uint8Array, flag = 0): Uint8Array {
  const bytes = new Uint8Array(5 + payload.length);
  bytes[0] = flag;
  new DataView(bytes.buffer).setUint32(1, payload.length);
  bytes.set(payload, 5);
  return bytes;
}

export class ScriptedStream {
  readonly peer: ScriptedPeer;
  readonly stream: Http2Stream;
  /** Received: the head, the trailers, all data so far. */
  head: readonly string[] | undefined;
  trailers: readonly string[] | undefined;
  data = Buffer.alloc(0);
  /** The other side has ended its half. */
  ended = false;
  resetCode: number | undefined;

  constructor(peer: ScriptedPeer, stream: Http2Stream) {
    this.peer = peer;
    this.stream = stream;
  }

  get over(): boolean {
    return this.ended || this.resetCode !== undefined;
  }

  /** Value of a received field, of the trailers first. */
  field(name: string): string | undefined {
    for (const fields of [this.trailers ?? [], this.head ?? []]) {
      for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
    }
    return undefined;
  }

  sendFields(fields: readonly string[], endStream = false): void {
    const { machine } = this.peer;
    const mark = machine.beginHeaders();
    for (let i = 0; i < fields.length; i += 2)
      machine.encoder.field(machine.out, fields[i] as string, fields[i + 1] as string, "plain");
    machine.endHeaders(mark, this.stream, endStream);
    this.peer.flush();
  }

  /** One DATA frame as it is, without regard to windows. */
  sendBytes(bytes: Uint8Array, endStream = false): void {
    writeData(this.peer.machine.out, this.stream.id, bytes, 0, bytes.length, endStream);
    if (endStream) this.stream.localClosed = true;
    this.peer.flush();
  }

  /** A whole good answer. */
  answer(payload: Uint8Array = new Uint8Array(0)): void {
    this.sendFields([":status", "200", "content-type", "application/grpc+proto"]);
    this.sendBytes(envelope(payload));
    this.sendFields(["grpc-status", "0"], true);
  }

  /** An answer that is only a status. */
  refuse(status: number, message = ""): void {
    this.sendFields(
      [
        ":status",
        "200",
        "content-type",
        "application/grpc",
        "grpc-status",
        String(status),
        "grpc-message",
        message,
      ],
      true,
    );
  }

  reset(code: number): void {
    this.peer.machine.reset(this.stream, code);
    this.peer.flush();
  }
}

const IDLE = {
  requestsInFlight: 0,
  latencyMs: -1,
  utilization: -1,
  requestsPerSecond: 0,
  errorsPerSecond: 0,
};

export class ScriptedPeer {
  readonly machine: Http2Connection;
  readonly streams: ScriptedStream[] = [];
  closed = false;
  goaway: number | undefined;
  /** PINGs that asked for a sign of life. */
  pings = 0;
  readonly #socket: Duplex;
  readonly #driver: SocketDriver;

  /** `onChange` runs when something arrived on a stream. */
  constructor(
    role: "client" | "server",
    socket: Duplex,
    onChange: (stream: ScriptedStream) => void = () => {},
    limits: Partial<Http2Limits> = {},
  ) {
    this.#socket = socket;
    socket.on("data", (chunk: Uint8Array) => {
      if (Buffer.from(chunk).includes("hdlalive")) this.pings++;
    });
    this.machine = new Http2Connection(
      role,
      {
        onHeaders: (raw, block, endStream, trailers) => {
          const stream = (raw.owner as ScriptedStream | undefined) ?? this.#adopt(raw);
          if (trailers) stream.trailers = block.fields;
          else stream.head = block.fields;
          stream.ended = endStream;
          onChange(stream);
        },
        onData: (raw, bytes, start, end, endStream) => {
          const stream = raw.owner as ScriptedStream;
          stream.data = Buffer.concat([stream.data, bytes.subarray(start, end)]);
          stream.ended = endStream;
          this.machine.take(raw, end - start);
          onChange(stream);
        },
        onReset: (raw, code) => {
          const stream = raw.owner as ScriptedStream;
          stream.resetCode = code;
          onChange(stream);
        },
        onWritable: () => {},
        onSettings: () => {},
        onGoaway: (_last, code) => {
          this.goaway = code;
        },
        onPong: () => {},
        onLoadProbe: () => {
          this.machine.reportLoad(IDLE, true);
          this.flush();
        },
        onLoadReport: () => {},
        onConnectionError: (error) => this.#driver.end(error.rawMessage),
      },
      limits,
    );
    this.#driver = new SocketDriver({
      socket,
      machine: this.machine,
      clock: systemClock,
      timers: systemTimers,
      onClose: () => (this.closed = true),
    });
    this.machine.open();
    this.flush();
  }

  /** Opens a stream (as a client). */
  open(fields: readonly string[], endStream = false): ScriptedStream {
    const stream = this.#adopt(this.machine.openStream(undefined));
    stream.sendFields(fields, endStream);
    return stream;
  }

  flush(): void {
    this.#driver.flushSoon();
  }

  /** Reads no more, and so answers nothing, not even PINGs: what a host without power does. */
  hang(): void {
    this.#socket.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#socket.resume();
  }

  /** Drops the connection. */
  cut(): void {
    this.#socket.destroy();
  }

  #adopt(raw: Http2Stream): ScriptedStream {
    const stream = new ScriptedStream(this, raw);
    raw.owner = stream;
    this.streams.push(stream);
    return stream;
  }
}

export interface ScriptedServer extends Disposable {
  readonly address: string;
  /** In the order of their connecting. */
  readonly connections: ScriptedPeer[];
  /** The requests of all connections, in order. */
  readonly requests: readonly ScriptedStream[];
}

/** It answers every request when it has ended, with an empty message. */
export const startAnsweringServer = (name: string) =>
  startScriptedServer(name, (request) => {
    if (request.ended) request.answer();
  });

/** Listens at `memory:name`; `script` runs whenever something of a request arrived. */
export function startScriptedServer(
  name: string,
  script: (request: ScriptedStream) => void,
  limits: Partial<Http2Limits> = {},
): ScriptedServer {
  const connections: ScriptedPeer[] = [];
  const requests: ScriptedStream[] = [];
  const listening = listenInMemory(name, (socket) => {
    connections.push(
      new ScriptedPeer(
        "server",
        socket,
        (stream) => {
          if (!requests.includes(stream)) requests.push(stream);
          script(stream);
        },
        limits,
      ),
    );
  });
  assert.ok(listening, `${name} is free`);
  return {
    address: `memory:${name}`,
    connections,
    requests,
    [Symbol.dispose]() {
      closeInMemory(name);
      for (const connection of connections) connection.cut();
    },
  };
}

/** Connects to a server at `memory:name`. */
export function connectScriptedClient(address: string, limits: Partial<Http2Limits> = {}): ScriptedPeer {
  const socket = connectInMemory(address.replace(/^memory:/, ""));
  assert.ok(socket, `somebody listens at ${address}`);
  return new ScriptedPeer("client", socket, () => {}, limits);
}

test("two scripted peers understand each other", async () => {
  using server = startScriptedServer("scripted-pair", (request) => {
    if (request.ended) request.answer(request.data.subarray(5));
  });
  const client = connectScriptedClient(server.address);
  const call = client.open([":method", "POST", ":scheme", "http", ":path", "/a", "x-a", "1"]);
  call.sendBytes(envelope(Uint8Array.of(7)), true);
  await until(() => call.over);
  assert.equal(server.requests[0]?.field("x-a"), "1");
  assert.deepEqual([...call.data], [0, 0, 0, 0, 1, 7]);
  assert.equal(call.field("grpc-status"), "0");
  client.cut();
});
