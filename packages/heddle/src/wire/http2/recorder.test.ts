/**
 * A machine whose events are kept: what tests of frames look at.
 */
import type { HeddleError } from "../../call/errors.ts";
import type { HeaderBlock } from "../hpack/header-block.ts";
import { CLIENT_PREFACE, PROTOCOL_ERROR } from "./constants.ts";
import { Http2Connection, type Http2Role } from "./connection.ts";
import { parseRequestHead } from "./head.ts";
import type { Http2Limits } from "./limits.ts";
import { block, clientOpening, parseFrames, type RawFrame, serverOpening } from "./raw-frames.test.ts";
import type { Http2Stream } from "./stream.ts";

export class Recorder {
  readonly machine: Http2Connection;
  readonly streams = new Map<number, Http2Stream>();
  /** One line an event. */
  readonly log: string[] = [];
  error: HeddleError | undefined;
  #nowMs = 0;

  constructor(role: Http2Role, limits: Partial<Http2Limits> = {}) {
    const note = (line: string) => void this.log.push(line);
    this.machine = new Http2Connection(
      role,
      {
        onHeaders: (stream: Http2Stream, fields: HeaderBlock, endStream: boolean, trailers: boolean) => {
          this.streams.set(stream.id, stream);
          note(`${trailers ? "trailers" : "headers"} ${stream.id}${endStream ? " end" : ""}`);
          if (role === "client" || trailers) return;
          const head = parseRequestHead(fields);
          if (head === undefined) this.machine.streamError(stream, PROTOCOL_ERROR);
          else stream.contentMissing = head.contentLength;
        },
        onData: (stream, _bytes, start, end, endStream) =>
          note(`data ${stream.id} ${end - start}${endStream ? " end" : ""}`),
        onReset: (stream, code, unprocessed) =>
          note(`reset ${stream.id} ${code}${unprocessed ? " unprocessed" : ""}`),
        onWritable: (stream) => note(`writable ${stream.id}`),
        onSettings: () => note("settings"),
        onGoaway: (last, code, debug) => note(`goaway ${last} ${code} ${debug}`.trim()),
        onPong: () => note("pong"),
        onLoadProbe: () => note("load probe"),
        onLoadReport: ({ requestsInFlight, latencyMs }, probed) =>
          note(`load ${requestsInFlight} ${latencyMs}${probed ? " probed" : ""}`),
        onConnectionError: (error) => {
          this.error = error;
        },
      },
      limits,
    );
    this.machine.open();
    this.sent();
  }

  /** Feeds bytes; time stands still unless `afterMs` says otherwise. */
  feed(bytes: Uint8Array, afterMs = 0): void {
    this.#nowMs += afterMs;
    this.machine.receive(bytes, this.#nowMs);
  }

  /** The frames written since the last look. */
  sent(): RawFrame[] {
    const bytes = this.machine.out.view().slice();
    this.machine.out.reset();
    const isOpening =
      bytes[0] === CLIENT_PREFACE[0] && bytes[1] === CLIENT_PREFACE[1] && bytes[2] === CLIENT_PREFACE[2];
    return parseFrames(isOpening ? bytes.subarray(CLIENT_PREFACE.length) : bytes);
  }

  /** Opens a stream with a request, as a client does. */
  request(endStream = false): Http2Stream {
    const stream = this.machine.openStream(undefined);
    this.writeHeaders(
      stream,
      [":method", "POST", ":scheme", "http", ":path", "/s/m", ":authority", "a"],
      endStream,
    );
    return stream;
  }

  writeHeaders(stream: Http2Stream, fields: readonly string[], endStream: boolean): void {
    const { machine } = this;
    const mark = machine.beginHeaders();
    machine.out.write(block(fields));
    machine.endHeaders(mark, stream, endStream);
  }
}

/** A server whose client has opened the connection. */
export function openServer(limits: Partial<Http2Limits> = {}): Recorder {
  const server = new Recorder("server", limits);
  server.feed(clientOpening);
  server.sent();
  return server;
}

/** A client whose server has opened the connection. */
export function openClient(limits: Partial<Http2Limits> = {}): Recorder {
  const client = new Recorder("client", limits);
  client.feed(serverOpening);
  client.sent();
  return client;
}
