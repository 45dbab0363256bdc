/**
 * The small languages of the protocols: base64 in pieces, Connect's JSON of errors and ends of streams, gRPC-Web's
 * trailers, the query of a GET, percent-encoded messages, status details, timeouts, traces, addresses. None throws,
 * what is written is read back, and what is accepted as metadata can be shown as `Headers`.
 */
import assert from "node:assert/strict";
import { Code } from "@connectrpc/connect";
import { decodeEndStream, encodeEndStream } from "../../../packages/heddle/src/call/connect-end-stream.ts";
import { parseConnectError } from "../../../packages/heddle/src/call/connect-error.ts";
import { readConnectQuery, writeConnectQuery } from "../../../packages/heddle/src/call/connect-query.ts";
import { parseConnectTimeout } from "../../../packages/heddle/src/call/connect-timeout.ts";
import { parseTimeout } from "../../../packages/heddle/src/call/deadline.ts";
import { decodeGrpcMessage, encodeGrpcMessage } from "../../../packages/heddle/src/call/grpc-message.ts";
import {
  decodeGrpcWebTrailers,
  encodeGrpcWebTrailers,
} from "../../../packages/heddle/src/call/grpc-web-trailers.ts";
import { type Fields, toHeaders } from "../../../packages/heddle/src/call/metadata.ts";
import { decodeStatusDetails } from "../../../packages/heddle/src/call/status-details.ts";
import { parseTraceparent } from "../../../packages/heddle/src/call/trace.ts";
import { Base64Decoder, encodeBase64 } from "../../../packages/heddle/src/wire/base64-text.ts";
import { Dice } from "../dice.ts";
import { concat, cutUp, mutateBytes } from "../mutate.ts";
import type { FuzzTarget } from "../target.ts";

/** The first byte names the language; the next four are the seed of cuts. */
const CONTROL_BYTES = 5;

const samples = [
  "QUJDREVGRw==QUJD",
  '{"error":{"code":"not_found","message":"é","details":[{"type":"a.B","value":"AQID","debug":{"x":1}}]},"metadata":{"x-a":["1","2"],"y-bin":["AQ"]}}',
  '{"metadata":{"__proto__":["1"],"constructor":["2"]},"error":{}}',
  "grpc-status: 0\r\ngrpc-message: a%20b\r\nx-custom: 1\r\n",
  "connect=v1&encoding=json&message=%7B%22a%22%3A1%7D&base64=1&compression=gzip",
  "a%20b%E2%82%AC%zz%",
  "CAUSBHRleHQaJwoYdHlwZS5nb29nbGVhcGlzLmNvbS9hLkISCwoJCAEQAhgDIAQo",
  "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  "99999999m",
  "123456789",
];

const languages: readonly ((bytes: Uint8Array, text: string, dice: Dice) => void)[] = [
  (bytes, _text, dice) => {
    const whole = inPieces([bytes]);
    assert.deepEqual(inPieces(cutUp(dice, bytes)), whole);
    assert.deepEqual(inPieces([encodeBase64(bytes)]), bytes.slice());
  },
  (bytes) => {
    const end = decodeEndStream(bytes);
    if (end === undefined) return;
    showable(end.trailers);
    const again = decodeEndStream(encodeEndStream(end));
    assert.deepEqual(again?.trailers.toSorted(), end.trailers.toSorted());
    assert.equal(again?.error?.code, end.error?.code);
  },
  (bytes) => void parseConnectError(bytes, Code.Internal),
  (bytes) => {
    const trailers = decodeGrpcWebTrailers(bytes);
    if (trailers === undefined) return;
    showable(trailers);
    assert.deepEqual(decodeGrpcWebTrailers(encodeGrpcWebTrailers(trailers)), trailers);
  },
  (bytes, text) => {
    void readConnectQuery(text);
    const { message } = readConnectQuery(writeConnectQuery("proto", bytes));
    assert.deepEqual(message, bytes.slice());
  },
  (_bytes, text) => {
    void decodeGrpcMessage(text);
    const sent = encodeGrpcMessage(text);
    assert.match(sent, /^[\x20-\x7e]*$/);
    const wellFormed = text.toWellFormed();
    if (sent.length < 4000) assert.equal(decodeGrpcMessage(sent), wellFormed);
  },
  (_bytes, text) => void decodeStatusDetails(text),
  (_bytes, text) => void parseTraceparent(text),
  (_bytes, text) => assert.ok((parseTimeout(text) ?? 0) >= 0),
  (_bytes, text) => assert.ok((parseConnectTimeout(text) ?? 0) >= 0),
];

export const target: FuzzTarget = {
  generate(dice) {
    const which = dice.below(languages.length);
    const sample = new TextEncoder().encode(dice.chance(80) ? samples[which] : dice.pick(samples));
    return concat(
      Uint8Array.of(which),
      dice.bytes(4),
      dice.chance(95) ? mutateBytes(dice, sample) : dice.bytes(30),
    );
  },

  check(input) {
    if (input.length < CONTROL_BYTES) return;
    const seed = new DataView(input.buffer, input.byteOffset).getUint32(1);
    const bytes = input.subarray(CONTROL_BYTES);
    languages[(input[0] as number) % languages.length]?.(
      bytes,
      new TextDecoder().decode(bytes),
      new Dice(seed),
    );
  },
};

function inPieces(pieces: Iterable<Uint8Array>): Uint8Array | undefined {
  const decoder = new Base64Decoder();
  const decoded: Uint8Array[] = [];
  for (const piece of pieces) {
    const bytes = decoder.push(piece, 0, piece.length);
    if (bytes === undefined) return undefined;
    decoded.push(bytes);
  }
  return decoder.isAtBoundary ? concat(...decoded) : undefined;
}

function showable(fields: Fields): void {
  assert.doesNotThrow(() => toHeaders(fields), `fields ${JSON.stringify(fields)} are accepted`);
}
