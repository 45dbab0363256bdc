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
import { ByteWriter } from "../../../packages/heddle/src/wire/byte-writer.ts";
import { HpackEncoder } from "../../../packages/heddle/src/wire/hpack/encoder.ts";
import { Http2Connection } from "../../../packages/heddle/src/wire/http2/connection.ts";
import { parseRequestHead, parseResponseHead } from "../../../packages/heddle/src/wire/http2/head.ts";
import type { Http2Stream } from "../../../packages/heddle/src/wire/http2/stream.ts";
import { Dice } from "../dice.ts";
import { concat, cutUp, mutatePieces } from "../mutate.ts";
import type { FuzzTarget } from "../target.ts";

const PREFACE = Uint8Array.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (c) => c.charCodeAt(0));
const HEADER_BYTES = 9;
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

function payloadBytes(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}

/** Frames of a peer that keeps the rules, or nearly; each piece is one frame. */
function conversation(dice: Dice, toServer: boolean): Uint8Array[] {
  const encoder = new HpackEncoder();
  const frames: Uint8Array[] = [settingsFrame(dice), frame(4, 1, 0)];
  const open: number[] = toServer ? [] : [1, 3, 5, 7, 9];
  let nextId = 1;
  for (let steps = 2 + dice.below(30); steps > 0; steps--) {
    const id = open.length > 0 ? dice.pick(open) : 0;
    switch (dice.below(12)) {
      case 0:
      case 1:
      case 2: {
        const opens = toServer ? nextId : id;
        if (opens === 0) break;
        nextId += 2;
        open.push(opens);
        frames.push(...headers(dice, opens, block(dice, encoder, toServer, false), dice.chance(10)));
        break;
      }
      case 3:
      case 4:
      case 5:
        if (id !== 0) frames.push(data(dice, id));
        break;
      case 6:
        if (id !== 0) frames.push(...headers(dice, id, block(dice, encoder, toServer, true), true));
        break;
      case 7:
        frames.push(frame(8, 0, dice.chance(50) ? 0 : id, uint32(dice.pick([0, 1, 5, 70_000, dice.edge()]))));
        break;
      case 8:
        frames.push(frame(6, dice.below(2), 0, dice.bytes(8)));
        break;
      case 9:
        frames.push(
          dice.chance(50) ? settingsFrame(dice) : frame(7, 0, 0, [...uint32(id), ...uint32(dice.below(14))]),
        );
        break;
      case 10:
        frames.push(
          frame(dice.pick([2, 5, 10, 16, 0xee]), dice.below(256), id, dice.bytes(dice.pick([4, 5, 20]))),
        );
        break;
      default:
        if (id !== 0) frames.push(frame(3, 0, id, uint32(dice.below(14))));
    }
  }
  return frames;
}

function block(dice: Dice, encoder: HpackEncoder, toServer: boolean, trailers: boolean): Uint8Array {
  const out = new ByteWriter();
  encoder.begin(out);
  const fields: string[] = [];
  if (trailers) fields.push("grpc-status", "0");
  else if (!toServer) fields.push(":status", dice.pick(["200", "100", "103", "404", "20"]));
  else
    fields.push(
      ":method",
      dice.pick(["POST", "GET", "CONNECT"]),
      ":scheme",
      "http",
      ":path",
      "/s/m",
      ":authority",
      "a",
    );
  if (dice.chance(60)) fields.push("content-type", "application/grpc");
  if (dice.chance(20)) fields.push("content-length", dice.pick(["0", "5", "20", "x", "99999999999"]));
  if (dice.chance(10))
    fields.push(dice.pick(["te", "connection", ":path", "A", "x"]), dice.pick(["trailers", "", "a\nb"]));
  if (dice.chance(5)) for (let i = 0; i < 60; i++) fields.push(`x-${i}`, "v".repeat(dice.below(200)));
  encoder.fields(out, fields, dice.pick(["index", "plain", "never"]));
  return out.view().slice();
}

/** A header block in HEADERS and, sometimes, CONTINUATION frames. */
function headers(dice: Dice, id: number, bytes: Uint8Array, endStream: boolean): Uint8Array[] {
  const cut = dice.chance(25) ? dice.below(bytes.length + 1) : bytes.length;
  const whole = cut === bytes.length;
  const padded = dice.chance(10);
  const priority = dice.chance(10);
  const first = [
    ...(padded ? [dice.pick([0, 3, 200])] : []),
    ...(priority ? [...uint32(dice.pick([0, 1, id])), 7] : []),
    ...bytes.subarray(0, cut),
    ...(padded ? [0, 0, 0] : []),
  ];
  const flags = (endStream ? 1 : 0) | (whole ? 4 : 0) | (padded ? 8 : 0) | (priority ? 0x20 : 0);
  const frames = [frame(1, flags, id, first)];
  for (let at = cut; !whole && at <= bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + dice.below(50));
    frames.push(frame(9, end === bytes.length ? 4 : 0, id, bytes.subarray(at, end)));
    if (end === bytes.length) break;
    at = end;
  }
  return frames;
}

function data(dice: Dice, id: number): Uint8Array {
  const bytes = dice.pick([0, 1, 5, 20, 5_000, 16_384, 16_385]);
  const end = dice.chance(25) ? 1 : 0;
  if (!dice.chance(15)) return frame(0, end, id, new Uint8Array(bytes));
  const padding = dice.pick([0, 1, 100, 255]);
  return frame(0, end | 8, id, [
    padding,
    ...new Uint8Array(Math.min(bytes, 300)),
    ...new Uint8Array(dice.pick([padding, 0])),
  ]);
}

function settingsFrame(dice: Dice): Uint8Array {
  const entries: number[] = [];
  for (let count = dice.below(5); count > 0; count--) {
    const id = dice.pick([1, 2, 3, 4, 4, 5, 6, 8, 0xf048]);
    const value = dice.chance(50) ? dice.edge() : dice.pick([0, 1, 100, 16_384, 65_535, 1_000_000]);
    entries.push(0, id, ...uint32(value));
  }
  return frame(4, 0, 0, entries);
}

function frame(type: number, flags: number, id: number, payload: ArrayLike<number> = []): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  bytes.set([payload.length >>> 16, payload.length >>> 8, payload.length, type, flags, ...uint32(id)]);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

function uint32(value: number): number[] {
  return [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}
