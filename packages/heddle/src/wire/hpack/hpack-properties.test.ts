/** Encoder against decoder over whole connections, and the decoder against octets nobody meant. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "../byte-writer.ts";
import { HpackDecoder } from "./decoder.ts";
import { HpackEncoder, type FieldMode } from "./encoder.ts";
import { HpackError } from "./hpack-error.ts";

const latin1 = fc.uint8Array({ maxLength: 60 }).map((octets) => Buffer.from(octets).toString("latin1"));
// Few names and values, so that the table is hit as often as it is missed.
const name = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(":method", ":path", ":status", "te", "a", "b", "x-tenant", "grpc-timeout"),
  },
  { weight: 1, arbitrary: latin1 },
);
const value = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom("", "GET", "POST", "/", "200", "trailers", "blue", "v".repeat(50)),
  },
  { weight: 1, arbitrary: latin1 },
  { weight: 1, arbitrary: fc.nat(300).map((length) => "0".repeat(length)) },
);
const mode = fc.constantFrom<FieldMode>("index", "index", "index", "plain", "never");
const list = fc.array(fc.tuple(name, value, mode), { maxLength: 12 });
type List = [name: string, value: string, mode: FieldMode][];

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("send" as const), list }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("resend" as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("resize" as const), bytes: fc.nat(5000) }) },
);

test("whatever is sent arrives, with tables of changing size and blocks sent again", () => {
  fc.assert(
    fc.property(
      fc.nat(600),
      fc.nat(8),
      fc.array(step, { maxLength: 40 }),
      (ownBytes, cachedBlocks, steps) => {
        const encoder = new HpackEncoder({ maxTableBytes: ownBytes });
        const decoder = new HpackDecoder({ maxCachedBlocks: cachedBlocks });
        // Blocks that were kept as the layer above keeps them.
        let kept: { bytes: Uint8Array; fields: string[] }[] = [];
        let generation = encoder.generation;
        for (const next of steps) {
          if (generation !== encoder.generation) kept = [];
          generation = encoder.generation;
          if (next.kind === "resize") encoder.setPeerTableBytes(Math.min(next.bytes, 4096));
          else if (next.kind === "send") {
            const bytes = encode(encoder, next.list);
            const fields = flatten(next.list);
            assertDecodes(decoder, bytes, fields);
            if (encoder.generation === generation) kept.push({ bytes, fields });
          } else {
            const again = kept[next.pick % Math.max(1, kept.length)];
            if (again !== undefined) assertDecodes(decoder, again.bytes, again.fields);
          }
        }
      },
    ),
    { numRuns: 1500 },
  );
});

test("a block decodes to the same with and without the cache", () => {
  fc.assert(
    fc.property(fc.array(list, { maxLength: 15 }), (lists) => {
      const encoder = new HpackEncoder({ maxTableBytes: 300 });
      const cached = new HpackDecoder();
      const uncached = new HpackDecoder({ maxCachedBlocks: 0 });
      for (const fields of [...lists, ...lists]) {
        const bytes = encode(encoder, fields);
        const first = cached.decode(bytes, 0, bytes.length);
        const second = uncached.decode(bytes, 0, bytes.length);
        assert.deepEqual([first.fields, first.listBytes], [second.fields, second.listBytes]);
      }
    }),
    { numRuns: 500 },
  );
});

test("the list limit refuses exactly the lists above it and keeps the table right", () => {
  fc.assert(
    fc.property(fc.array(list, { maxLength: 15 }), fc.integer({ min: 300, max: 900 }), (lists, limit) => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder({ maxHeaderListBytes: limit });
      for (const fields of lists) {
        const bytes = encode(encoder, fields);
        const size = fields.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
        if (size <= limit) assertDecodes(decoder, bytes, flatten(fields));
        else {
          const reason = size <= limit * 4 ? "list-too-large" : "compression";
          assert.throws(() => decoder.decode(bytes, 0, bytes.length), { name: "HpackError", reason });
          if (reason === "compression") return;
        }
      }
    }),
    { numRuns: 1000 },
  );
});

test("random octets give a list or an HpackError, and stay within the limit", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 120 }), { maxLength: 8 }), (blocks) => {
      const decoder = new HpackDecoder({ maxHeaderListBytes: 2000 });
      for (const bytes of blocks) if (!survives(decoder, bytes, 2000)) return;
    }),
    { numRuns: 10_000 },
  );
});

test("mutated blocks give a list or an HpackError, and stay within the limit", () => {
  const mutation = fc.record({ block: fc.nat(), at: fc.nat(), octet: fc.nat(255), kind: fc.nat(2) });
  fc.assert(
    fc.property(
      fc.array(list, { minLength: 1, maxLength: 6 }),
      fc.array(mutation, { maxLength: 4 }),
      (lists, edits) => {
        const encoder = new HpackEncoder();
        const blocks = lists.map((fields) => encode(encoder, fields));
        for (const { block, at, octet, kind } of edits) {
          const old = blocks[block % blocks.length] as Uint8Array;
          const place = at % (old.length + 1);
          const insert = kind === 2 ? [] : [octet];
          const rest = old.subarray(place + (kind === 1 ? 0 : 1));
          blocks[block % blocks.length] = Uint8Array.from([...old.subarray(0, place), ...insert, ...rest]);
        }
        const decoder = new HpackDecoder({ maxHeaderListBytes: 2000 });
        for (const bytes of blocks) if (!survives(decoder, bytes, 2000)) return;
      },
    ),
    { numRuns: 5000 },
  );
});

/** Decodes twice (the second may come from the cache); false when the connection would have been closed. */
function survives(decoder: HpackDecoder, bytes: Uint8Array, limit: number): boolean {
  try {
    for (let i = 0; i < 2; i++) {
      const block = decoder.decode(bytes, 0, bytes.length);
      const size = block.fields.reduce((sum, text) => sum + text.length + 16, 0);
      assert.equal(block.listBytes, size);
      assert.ok(size <= limit);
    }
    return true;
  } catch (error) {
    if (!(error instanceof HpackError)) throw error;
    return error.reason === "list-too-large";
  }
}

function encode(encoder: HpackEncoder, fields: List): Uint8Array {
  const out = new ByteWriter(1);
  encoder.begin(out);
  for (const [name, value, mode] of fields) encoder.field(out, name, value, mode);
  return out.view();
}

function flatten(fields: List): string[] {
  return fields.flatMap(([name, value]) => [name, value]);
}

function assertDecodes(decoder: HpackDecoder, bytes: Uint8Array, fields: string[]): void {
  assert.deepEqual(decoder.decode(bytes, 0, bytes.length).fields, fields);
}
