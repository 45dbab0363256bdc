/**
 * The HTTP/2 machine in both roles, with an owner that is as busy as a real one: it answers requests with heads,
 * messages and trailers, takes data late or at once, cancels, drains, and has a socket that sometimes is full.
 *
 * Whatever comes: nothing is thrown, the machine ends by one GOAWAY or goes on, its output is whole frames and not
 * out of proportion, no byte of DATA is sent that was not granted, and its owner hears of a stream in order: head,
 * data, end; and nothing after the end.
 */
import assert from "node:assert/strict";
import type { HeaderBlock } from "../../../packages/heddle/src/wire/hpack/header-block.ts";
import { Http2Connection } from "../../../packages/heddle/src/wire/http2/connection.ts";
import { parseRequestHead, parseResponseHead } from "../../../packages/heddle/src/wire/http2/head.ts";
import type { Http2Stream } from "../../../packages/heddle/src/wire/http2/stream.ts";
import { Dice } from "../dice.ts";
import { conversation, HEADER_BYTES, payloadBytes, PREFACE } from "../http2-grammar.ts";
import { concat, cutUp, mutatePieces } from "../mutate.ts";
import type { FuzzTarget } from "../target.ts";

const MAX_STREAMS = 20;

/** First byte: the role; the next four: the seed of cuts and of what the owner does. Then what the peer sends. */
const CONTROL_BYTES = 5;

export const target: FuzzTarget = {
  generate(dice) {
    const asServer = dice.chance(60);
    const pieces = mutatePieces(dice, conversation(dice, asServer));
    const opening = asServer && !dice.chance(2) ? [PREFACE] : [];
    return concat(Uint8Array.of(asServer ? 1 : 0), dice.bytes(4), ...opening, ...pieces);
  },

  check(input) {
    if (input.length < CONTROL_BYTES) return;
    const seed = new DataView(input.buffer, input.byteOffset).getUint32(1);
    new Owner(input[0] === 1 ? "server" : "client", new Dice(seed)).run(input.subarray(CONTROL_BYTES));
  },
};

/** What the owner knows of a stream. */
interface Seen {
  readonly stream: Http2Stream;
  head: boolean;
  over: boolean;
  untaken: number;
}

const IDLE = {
  requestsInFlight: 0,
  latencyMs: -1,
  utilization: -1,
  requestsPerSecond: 0,
  errorsPerSecond: 0,
};

class Owner {
  readonly #machine: Http2Connection;
  readonly #dice: Dice;
  readonly #seen = new Map<number, Seen>();
  readonly #resets = new Set<number>();
  #errors = 0;
  /** Bytes that the owner itself asked to send; what else is in the output the peer has caused. */
  #asked = 0;
  #written = 0;
  #dataSent = 0;
  #goaways = 0;
  #granted = 65_535;
  /** Of what the machine wrote, the frame that is not whole yet. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(role: "client" | "server", dice: Dice) {
    this.#dice = dice;
    this.#machine = new Http2Connection(
      role,
      {
        onHeaders: (stream, block, endStream, trailers) =>
          this.#onHeaders(stream, block, endStream, trailers),
        onData: (stream, _bytes, start, end, endStream) => this.#onData(stream, end - start, endStream),
        onReset: (stream) => this.#onReset(stream),
        onWritable: (stream) => this.#open(stream),
        onSettings: () => {},
        onGoaway: () => {},
        onPong: () => {},
        onLoadProbe: () => this.#machine.reportLoad(IDLE, true),
        onLoadReport: () => {},
        onConnectionError: () => this.#errors++,
      },
      { maxConcurrentStreams: MAX_STREAMS, maxHeaderListBytes: 4096 },
    );
    this.#machine.open();
    this.#collect(role === "client" ? PREFACE.length : 0);
    if (role === "client") for (let i = 0; i < 5; i++) this.#request();
  }

  run(bytes: Uint8Array): void {
    this.#granted += connectionGrants(bytes);
    let fed = 0;
    let nowMs = 0;
    for (const piece of cutUp(this.#dice, bytes)) {
      nowMs += this.#dice.pick([0, 0, 1, 50]);
      this.#machine.receive(piece, nowMs);
      fed += piece.length;
      if (this.#dice.chance(20) && !this.#machine.closed) this.#act();
      this.#collect(0);
      // 30 bytes of answer to each octet: a RST_STREAM of 13 to an empty frame of 9, and then some.
      assert.ok(
        this.#written <= 30 * fed + 2 * this.#asked + 10_000,
        `${this.#written} bytes written for ${fed} received and ${this.#asked} asked for`,
      );
    }
    assert.ok(this.#dataSent <= this.#granted, `${this.#dataSent} bytes of DATA, ${this.#granted} granted`);
    this.#takeAll();
    this.#collect(0);
    const { closed, role, streams } = this.#machine;
    assert.equal(this.#errors, closed ? 1 : 0, "an error, if the machine has failed");
    assert.equal(this.#goaways > 0 || !closed, true, "a GOAWAY, if the machine has failed");
    if (role === "server") assert.ok(streams.size <= MAX_STREAMS, `${streams.size} streams`);
  }

  #onHeaders(stream: Http2Stream, block: HeaderBlock, endStream: boolean, trailers: boolean): void {
    const seen = this.#seen.get(stream.id) ?? { stream, head: false, over: false, untaken: 0 };
    this.#seen.set(stream.id, seen);
    assert.ok(!seen.over, `headers of stream ${stream.id} after its end`);
    assert.equal(seen.head, trailers, "one head, then trailers");
    assert.ok(endStream || !trailers, "trailers end the stream");
    seen.head = true;
    seen.over = endStream;
    const isServer = this.#machine.role === "server";
    if (trailers) return;
    const head = isServer ? parseRequestHead(block) : parseResponseHead(block);
    if (head === undefined) return this.#reset(seen, 1);
    if ("contentLength" in head) stream.contentMissing = head.contentLength;
    if (isServer && this.#dice.chance(50)) this.#answer(seen);
    else if (this.#dice.chance(5)) this.#reset(seen, 8);
  }

  #onData(stream: Http2Stream, bytes: number, endStream: boolean): void {
    const seen = this.#open(stream);
    assert.ok(seen.head, "a head before data");
    seen.untaken += bytes;
    if (endStream) seen.over = true;
    if (this.#dice.chance(60)) this.#take(seen);
    if (this.#machine.role === "server" && endStream && this.#dice.chance(80)) this.#answer(seen);
  }

  #onReset(stream: Http2Stream): void {
    const seen = this.#seen.get(stream.id);
    if (seen === undefined) return;
    assert.ok(!this.#resets.has(stream.id), `stream ${stream.id} is reset twice`);
    this.#resets.add(stream.id);
    seen.over = true;
  }

  #open(stream: Http2Stream): Seen {
    const seen = this.#seen.get(stream.id);
    assert.ok(seen !== undefined, `an event of stream ${stream.id}, which nobody knows`);
    assert.ok(!this.#resets.has(stream.id), `an event of stream ${stream.id} after its reset`);
    return seen;
  }

  /** What an owner may do at any time. */
  #act(): void {
    const machine = this.#machine;
    const seen = [...this.#seen.values()][this.#dice.below(this.#seen.size || 1)];
    switch (this.#dice.below(7)) {
      case 0:
        return this.#takeAll();
      case 1:
        if (seen !== undefined && !this.#resets.has(seen.stream.id)) this.#reset(seen, 8);
        return;
      case 2:
        if (machine.role === "client" && machine.canOpen) this.#request();
        return;
      case 3:
        machine.sender.corked = !machine.sender.corked;
        if (!machine.sender.corked) machine.sender.pump();
        return;
      case 4:
        if (this.#dice.chance(10)) machine.goaway();
        return;
      case 5:
        if (seen !== undefined) this.#answer(seen);
        return;
      default:
        if (seen !== undefined) this.#take(seen);
    }
  }

  #request(): void {
    const stream = this.#machine.openStream(undefined);
    this.#seen.set(stream.id, { stream, head: false, over: false, untaken: 0 });
    this.#writeHead(
      stream,
      [":method", "POST", ":scheme", "http", ":path", "/s/m", ":authority", "a"],
      false,
    );
    this.#send(stream, this.#dice.pick([0, 10, 20_000, 100_000]));
    if (this.#dice.chance(50)) this.#machine.sendEnd(stream);
  }

  #answer({ stream }: Seen): void {
    if (this.#machine.role !== "server" || stream.localClosed || this.#resets.has(stream.id)) return;
    if (stream.queue !== undefined) return;
    this.#writeHead(stream, [":status", "200", "content-type", "application/grpc"], false);
    for (let messages = this.#dice.below(3); messages > 0; messages--)
      this.#send(stream, this.#dice.pick([0, 10, 5_000, 40_000]));
    if (this.#dice.chance(80))
      this.#machine.afterData(
        stream,
        (s: Http2Stream) => this.#writeHead(s, ["grpc-status", "0"], true),
        stream,
      );
  }

  #send(stream: Http2Stream, bytes: number): void {
    this.#asked += bytes + 64;
    this.#machine.sendMessage(stream, 0, new Uint8Array(bytes), 0, bytes, false);
  }

  #writeHead(stream: Http2Stream, fields: readonly string[], endStream: boolean): void {
    if (stream.localClosed || this.#machine.closed) return;
    this.#asked += 300;
    const mark = this.#machine.beginHeaders();
    this.#machine.encoder.fields(this.#machine.out, fields, "index");
    this.#machine.endHeaders(mark, stream, endStream);
  }

  #reset(seen: Seen, code: number): void {
    this.#asked += 13;
    this.#resets.add(seen.stream.id);
    seen.over = true;
    if (!this.#machine.closed) this.#machine.reset(seen.stream, code);
  }

  #take(seen: Seen): void {
    this.#machine.take(seen.stream, seen.untaken);
    seen.untaken = 0;
  }

  #takeAll(): void {
    for (const seen of this.#seen.values()) this.#take(seen);
  }

  /** Takes the output, and checks that it is frames. */
  #collect(skip: number): void {
    const { out } = this.#machine;
    const bytes = concat(this.#rest, out.view().subarray(skip));
    this.#written += out.length;
    out.reset();
    let at = 0;
    for (let next = 0; at + HEADER_BYTES <= bytes.length; at = next) {
      const length = payloadBytes(bytes, at);
      assert.ok(length <= 16_384, `a frame of ${length} bytes is sent`);
      next = at + HEADER_BYTES + length;
      if (next > bytes.length) break;
      const type = bytes[at + 3] as number;
      assert.ok(type <= 9, `a frame of type ${type} is sent`);
      if (type === 0) this.#dataSent += length;
      if (type === 7) this.#goaways++;
    }
    this.#rest = bytes.slice(at);
    if (!this.#machine.closed && !this.#machine.sender.corked)
      assert.equal(this.#rest.length, 0, "output is whole frames");
  }
}

/** All that the peer grants on the connection, if every window update in the bytes counts. An upper bound. */
function connectionGrants(bytes: Uint8Array): number {
  const start = bytes[0] === PREFACE[0] && bytes[1] === PREFACE[1] ? PREFACE.length : 0;
  let granted = 0;
  for (let at = start; at + HEADER_BYTES <= bytes.length; at += HEADER_BYTES + payloadBytes(bytes, at)) {
    if (bytes[at + 3] !== 8 || at + 13 > bytes.length) continue;
    granted += new DataView(bytes.buffer, bytes.byteOffset + at + 9).getUint32(0) & 0x7fffffff;
  }
  return granted;
}
