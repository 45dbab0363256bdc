import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import fc from "fast-check";
import { isHeddleError } from "../call/errors.ts";
import {
  acceptedEncodings,
  chooseEncoding,
  compressIfWorth,
  type Encoding,
  type EncodingName,
  encodingNamed,
} from "./compression.ts";

const encodings = acceptedEncodings.map((name) => encodingNamed(name) as Encoding);

/** Bytes that zip well, badly, and not at all. */
const payloads = fc.oneof(
  fc.uint8Array({ maxLength: 5000 }),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 5000 }))
    .map(([unit, times]) =>
      new Uint8Array(unit.length * times).map((_, i) => unit[i % unit.length] as number),
    ),
);

for (const encoding of encodings) {
  describe(encoding.name, () => {
    it("there and back, to exactly the limit and not beyond", () => {
      fc.assert(
        fc.property(payloads, (payload) => {
          const compressed = encoding.compress(payload);
          const expanded = encoding.decompress(compressed, payload.length);
          assert.equal(Buffer.compare(expanded, payload), 0);
          assert.equal(Object.getPrototypeOf(expanded), Uint8Array.prototype);
          if (payload.length > 0) {
            assert.throws(() => encoding.decompress(compressed, payload.length - 1), {
              reason: "messageTooLarge",
            });
          }
        }),
      );
    });

    it("a limit of nothing at all, and none", () => {
      const compressed = encoding.compress(new Uint8Array(10_000));
      assert.throws(() => encoding.decompress(encoding.compress(new Uint8Array(1)), 0), {
        reason: "messageTooLarge",
      });
      assert.equal(encoding.decompress(encoding.compress(new Uint8Array(0)), 0).length, 0);
      assert.equal(encoding.decompress(compressed, Number.POSITIVE_INFINITY).length, 10_000);
    });

    it("nothing expands to nothing", () => {
      assert.equal(encoding.decompress(new Uint8Array(0), 100).length, 0);
    });

    it("cut anywhere it is an error, and of another kind than too much", () => {
      const whole = encoding.compress(new Uint8Array(3000).map((_, i) => (i * i) % 251));
      for (let length = 1; length < whole.length; length += 1) {
        assert.throws(
          () => encoding.decompress(whole.subarray(0, length), 1_000_000),
          (error: unknown) => error instanceof Error && !isHeddleError(error),
        );
      }
    });

    it("changed anywhere it throws, or expands to something within the limit", () => {
      const limit = 20_000;
      fc.assert(
        fc.property(
          payloads,
          fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }),
          (payload, changes) => {
            const bytes = Uint8Array.from(encoding.compress(payload));
            for (const [at, mask] of changes)
              bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ mask;
            try {
              assert.ok(encoding.decompress(bytes, limit).length <= limit);
            } catch (error) {
              assert.ok(error instanceof Error && !(error instanceof assert.AssertionError), String(error));
            }
          },
        ),
        { numRuns: 500 },
      );
    });

    // A few short strings of bytes are brotli by chance, and say little.
    if (encoding.name !== "br") {
      it("arbitrary bytes throw", () => {
        fc.assert(
          fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
            assert.throws(() => encoding.decompress(bytes, 100_000));
          }),
        );
      });
    }

    it("what follows the end is refused", () => {
      const whole = encoding.compress(new Uint8Array(500).fill(7));
      for (const tail of [new Uint8Array(1), new Uint8Array(40), Buffer.from("PRI * HTTP/2.0")]) {
        assert.throws(() => encoding.decompress(Buffer.concat([whole, tail]), 100_000));
      }
    });

    it("a bomb is expanded to the limit and no further, however often it comes", () => {
      const bomb = BOMBS[encoding.name]();
      assert.ok(bomb.length < 70_000, `${bomb.length} bytes`);
      const before = process.memoryUsage();
      const start = performance.now();
      for (let i = 0; i < 20; i += 1) {
        assert.throws(() => encoding.decompress(bomb, 100_000), { reason: "messageTooLarge" });
      }
      const after = process.memoryUsage();
      assert.ok(after.arrayBuffers - before.arrayBuffers < 8 * 1024 * 1024);
      assert.ok(after.rss - before.rss < 48 * 1024 * 1024, `${after.rss - before.rss}`);
      assert.ok(performance.now() - start < 5_000);
    });
  });
}

const ZEROS = 64 * 1024 * 1024;

const BOMBS: Record<EncodingName, () => Uint8Array> = {
  gzip: () => gzipSync(new Uint8Array(ZEROS)),
  deflate: () => deflateSync(new Uint8Array(ZEROS)),
  br: () => brotliCompressSync(new Uint8Array(ZEROS)),
  zstd: () => zstdCompressSync(new Uint8Array(ZEROS)),
};

it("all members of gzip count, and count together", () => {
  const member = gzipSync(new Uint8Array(60_000));
  const two = Buffer.concat([member, member]);
  const gzip = encodingNamed("gzip") as Encoding;
  assert.equal(gzip.decompress(two, 120_000).length, 120_000);
  assert.throws(() => gzip.decompress(two, 119_999), { reason: "messageTooLarge" });
});

it("many empty members of gzip end soon", () => {
  const empty = gzipSync(new Uint8Array(0));
  const many = Buffer.concat(Array.from({ length: 100_000 }, () => empty));
  const start = performance.now();
  assert.equal((encodingNamed("gzip") as Encoding).decompress(many, 1000).length, 0);
  assert.ok(performance.now() - start < 2_000);
});

it("a second frame of zstd is refused", () => {
  const frame = zstdCompressSync(new Uint8Array(100));
  const zstd = encodingNamed("zstd") as Encoding;
  assert.throws(
    () => zstd.decompress(Buffer.concat([frame, frame]), 1000),
    /follow the end of the zstd data/,
  );
});

it("a frame of zstd that wants a window of 128 MiB gets it only from those who accept such messages", () => {
  const frame = zstdCompressSync(new Uint8Array(20_000_000), {
    params: { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_contentSizeFlag]: 0 },
  });
  const zstd = encodingNamed("zstd") as Encoding;
  assert.throws(() => zstd.decompress(frame, 4 * 1024 * 1024), { reason: "messageTooLarge" });
  assert.equal(zstd.decompress(frame, 128 * 1024 * 1024).length, 20_000_000);
});

it("deflate is the zlib format and not a bare stream", () => {
  const deflate = encodingNamed("deflate") as Encoding;
  assert.throws(() => deflate.decompress(deflateRawSync(new Uint8Array(100)), 1000));
  assert.throws(() => deflate.decompress(gzipSync(new Uint8Array(100)), 1000));
  assert.equal(deflate.compress(new Uint8Array(100))[0], 0x78);
});

it("other people's tools read what we write", () => {
  const text = Buffer.from("Heddle ".repeat(1000));
  assert.ok(gunzipSync((encodingNamed("gzip") as Encoding).compress(text)).equals(text));
});

it("knows four names", () => {
  const names = ["gzip", "br", "zstd", "deflate", "identity", "", "GZIP", "snappy", "constructor"];
  assert.deepEqual(
    names.map((name) => encodingNamed(name)?.name),
    ["gzip", "br", "zstd", "deflate", undefined, undefined, undefined, undefined, undefined],
  );
});

it("chooses what the peer accepts", () => {
  const choose = (header: string | undefined, ...preferred: EncodingName[]) =>
    chooseEncoding(header, preferred)?.name;
  assert.equal(choose(undefined, "gzip"), undefined);
  assert.equal(choose("", "gzip"), undefined);
  assert.equal(choose("gzip", "gzip"), "gzip");
  assert.equal(choose("gzip"), undefined);
  assert.equal(choose("identity,deflate,gzip", "gzip"), "gzip");
  assert.equal(choose("identity, gzip, br", "br", "gzip"), "br");
  assert.equal(choose("identity", "gzip"), undefined);
  assert.equal(choose("snappy", "gzip"), undefined);
  // Weights: RFC 9110, section 12.5.3.
  assert.equal(choose("gzip;q=0.5, br;q=0.8", "gzip", "br"), "br");
  assert.equal(choose("gzip ; Q=1.0 ,br;q=0.999", "br", "gzip"), "gzip");
  assert.equal(choose("gzip;q=0", "gzip"), undefined);
  assert.equal(choose("*", "zstd", "gzip"), "zstd");
  assert.equal(choose("*, zstd;q=0", "zstd", "gzip"), "gzip");
  assert.equal(choose("gzip;q=0, *;q=0.1", "gzip", "br"), "br");
  assert.equal(choose("*;q=0", "gzip"), undefined);
  assert.equal(choose("identity;q=1, gzip;q=0.5", "gzip"), undefined);
  assert.equal(choose("identity;q=0.5, gzip;q=0.5", "gzip"), "gzip");
  assert.equal(choose("GZIP", "gzip"), "gzip");
  // What cannot be read is not wanted.
  for (const odd of ["gzip;q=2", "gzip;q=-1", "gzip;q=", "gzip;q=abc", "gzip;q=1e0"]) {
    assert.equal(choose(odd, "gzip"), undefined, odd);
  }
});

it("any header is read without harm", () => {
  fc.assert(
    fc.property(fc.string(), (header) => {
      const chosen = chooseEncoding(header, acceptedEncodings);
      assert.ok(chosen === undefined || acceptedEncodings.includes(chosen.name));
    }),
  );
});

it("small messages, and those that become no smaller, are sent as they are", () => {
  const gzip = encodingNamed("gzip") as Encoding;
  const noise = new Uint8Array(2000).map((_, i) => Math.floor(Math.sin(i) * 1e6) & 0xff);
  assert.equal(compressIfWorth(new Uint8Array(1023), gzip, 1024), undefined);
  assert.ok((compressIfWorth(new Uint8Array(1024), gzip, 1024)?.length ?? 0) > 0);
  assert.equal(compressIfWorth(noise, gzip, 1024), undefined);
  assert.ok((compressIfWorth(noise, gzip, 0)?.length ?? 0) > noise.length);
  assert.ok((compressIfWorth(new Uint8Array(1), gzip, 0)?.length ?? 0) > 0);
  assert.ok((compressIfWorth(new Uint8Array(0), gzip, 0)?.length ?? 0) > 0);
  assert.equal(compressIfWorth(new Uint8Array(0), gzip, 1), undefined);
});
