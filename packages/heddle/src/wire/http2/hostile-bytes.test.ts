/**
 * Whatever bytes come, a machine neither throws nor answers without bound: it goes on, or it is closed by one
 * GOAWAY with a code of the protocol and an entry of the catalogue.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  block,
  clientOpening,
  frame,
  goawayCodes,
  join,
  parseFrames,
  requestBlock,
  responseBlock,
  serverOpening,
  settings,
  uint32,
} from "./raw-frames.test.ts";
import { Recorder } from "./recorder.test.ts";
import type { Http2Role } from "./connection.ts";

const CATALOGUE_OF_PEERS = new Set([
  "protocolError",
  "flowControl",
  "headerCompression",
  "frameSize",
  "flood",
  "prefaceInvalid",
]);

/** A conversation with something of everything. */
function conversation(role: Http2Role): Uint8Array[] {
  const head = role === "server" ? requestBlock : responseBlock;
  return [
    settings([1, 100], [3, 50], [4, 70_000]),
    frame(1, 0x4, 1, head),
    frame(0, 0, 1, [0, 0, 0, 0, 3, 1, 2, 3]),
    frame(8, 0, 1, uint32(100)),
    frame(1, 0x24, 3, [0, 0, 0, 1, 7, ...head]),
    frame(0, 0x8, 3, [2, 9, 0, 0]),
    frame(6, 0, 0, new Uint8Array(8)),
    frame(1, 0, 5, head.subarray(0, 4)),
    frame(9, 0x4, 5, head.subarray(4)),
    frame(2, 0, 5, new Uint8Array(5)),
    frame(1, 0x5, 1, block(["grpc-status", "0"])),
    frame(3, 0, 3, uint32(8)),
    frame(0xbe, 0xff, 9, [1, 2, 3]),
    frame(8, 0, 0, uint32(1000)),
    frame(7, 0, 0, [...uint32(5), ...uint32(0)]),
    frame(0, 1, 5, [1, 2, 3]),
  ];
}

const role = fc.constantFrom<Http2Role>("client", "server");
const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 6 });

/** Feeds all bytes in pieces and checks what must hold after each of them. */
function feedAll(who: Http2Role, bytes: Uint8Array, sizes: readonly number[]): Recorder {
  const machine = new Recorder(who);
  if (who === "client") for (let i = 0; i < 3; i++) machine.request(true);
  machine.sent();
  const answers = [];
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] as number;
    machine.feed(bytes.subarray(at, at + size));
    const { length } = machine.machine.out;
    assert.ok(length <= 64 * size + 100_000, "no more is answered than was asked");
    const written = machine.machine.out.view().slice();
    answers.push(...parseFrames(written));
    machine.machine.out.reset();
    at += size;
  }
  const codes = goawayCodes(answers);
  assert.equal(codes.length, machine.machine.closed ? 1 : 0);
  assert.equal(machine.error !== undefined, machine.machine.closed);
  for (const code of codes) assert.ok(code >= 1 && code <= 13);
  if (machine.error !== undefined)
    assert.ok(CATALOGUE_OF_PEERS.has(machine.error.reason), machine.error.reason);
  return machine;
}

describe("a machine survives", () => {
  it("random bytes behind a good opening", () => {
    fc.assert(
      fc.property(role, fc.uint8Array({ maxLength: 2000 }), cuts, (who, bytes, sizes) => {
        feedAll(who, join(who === "server" ? clientOpening : serverOpening, bytes), sizes);
      }),
      { numRuns: 500 },
    );
  });

  it("random frames with plausible headers", () => {
    const anyFrame = fc
      .tuple(
        fc.integer({ min: 0, max: 11 }),
        fc.nat(255),
        fc.nat(9),
        fc.oneof(
          fc.uint8Array({ maxLength: 40 }),
          fc.constant(requestBlock),
          fc.constantFrom(4, 5, 6, 8).map((n) => new Uint8Array(n)),
        ),
      )
      .map(([type, flags, id, payload]) => frame(type, flags, id, payload));
    fc.assert(
      fc.property(role, fc.array(anyFrame, { maxLength: 60 }), cuts, (who, frames, sizes) => {
        feedAll(who, join(who === "server" ? clientOpening : serverOpening, ...frames), sizes);
      }),
      { numRuns: 1000 },
    );
  });

  it("a good conversation with bytes changed, dropped, doubled and frames swapped", () => {
    const change = fc.record({
      at: fc.nat(400),
      kind: fc.constantFrom("set", "drop", "double"),
      value: fc.nat(255),
    });
    const swap = fc.tuple(fc.nat(15), fc.nat(15));
    fc.assert(
      fc.property(
        role,
        fc.array(swap, { maxLength: 3 }),
        fc.array(change, { maxLength: 5 }),
        cuts,
        (who, swaps, changes, sizes) => {
          const frames = conversation(who);
          for (const [a, b] of swaps)
            [frames[a], frames[b]] = [frames[b] as Uint8Array, frames[a] as Uint8Array];
          const bytes = [...join(...frames)];
          for (const { at, kind, value } of changes) {
            if (kind === "set") bytes[at % bytes.length] = value;
            else if (kind === "drop") bytes.splice(at % bytes.length, 1);
            else
              bytes.splice(at % bytes.length, 0, ...bytes.slice(at % bytes.length, (at % bytes.length) + 9));
          }
          feedAll(who, join(who === "server" ? clientOpening : serverOpening, Uint8Array.from(bytes)), sizes);
        },
      ),
      { numRuns: 1500 },
    );
  });

  it("any cut through a good conversation: it means the same", () => {
    for (const who of ["client", "server"] as const) {
      const bytes = join(who === "server" ? clientOpening : serverOpening, ...conversation(who));
      const { log } = feedAll(who, bytes, [bytes.length]);
      assert.ok(log.length > 8);
      for (let size = 1; size < 60; size++) assert.deepEqual(feedAll(who, bytes, [size]).log, log);
    }
  });
});
