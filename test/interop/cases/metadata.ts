/** Metadata both ways, as text and as bytes, and compression of the messages beside it. */
import { Code, decodeBinaryHeader, encodeBinaryHeader } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { assertSameBytes, filled } from "../../kit/bytes.ts";
import type { Compression, LinkSettings } from "../../kit/peers/peer.ts";
import type { Ability, Case, Link } from "../link.ts";
import { collect, requestsOf } from "../streams.ts";
import { rejectsWith } from "./errors.ts";

const BYTES = Uint8Array.from({ length: 256 }, (_, i) => i);

function sent(): Headers {
  const headers = new Headers({
    "x-echo-text": "plain value, with a comma",
    "x-echo-bin": encodeBinaryHeader(BYTES),
    "x-echo-empty-bin": "",
    "x-trail-text": "at the end",
    "x-trail-bin": encodeBinaryHeader(BYTES.slice(0, 7)),
  });
  headers.append("x-echo-many", "one");
  headers.append("x-echo-many", "two");
  headers.append("x-trail-many-bin", encodeBinaryHeader(BYTES.slice(0, 1)));
  headers.append("x-trail-many-bin", encodeBinaryHeader(BYTES.slice(0, 2)));
  return headers;
}

function assertEchoed({ oursCalls }: Link, header: Headers | undefined, trailer: Headers | undefined): void {
  assert.equal(header?.get("x-echo-text"), "plain value, with a comma");
  assert.deepEqual(decodeBinaryHeader(header.get("x-echo-bin") ?? ""), BYTES);
  assert.match(header.get("x-echo-many") ?? "", /^one, ?two$/);
  assert.equal(trailer?.get("x-trail-text"), "at the end");
  assert.deepEqual(decodeBinaryHeader(trailer.get("x-trail-bin") ?? ""), BYTES.slice(0, 7));
  const many = (trailer.get("x-trail-many-bin") ?? "")
    .split(",")
    .map((part) => decodeBinaryHeader(part.trim()).length);
  assert.deepEqual(many, [1, 2]);
  if (!oursCalls) return;
  for (const headers of [header, trailer]) {
    headers.forEach((_, name) => assert.doesNotMatch(name, /^grpc-status$|^:/));
  }
}

/** Header and trailer as a call option gathers them. */
function gather() {
  const got: { header?: Headers; trailer?: Headers } = {};
  return {
    got,
    options: {
      headers: sent(),
      onHeader: (header: Headers) => void (got.header = header),
      onTrailer: (trailer: Headers) => void (got.trailer = trailer),
    },
  };
}

export const metadata: readonly Case[] = [
  {
    name: "metadata of a unary call",
    async run(link) {
      const { got, options } = gather();
      await link.client.unary({ payload: filled(10) }, options);
      assertEchoed(link, got.header, got.trailer);
    },
  },
  {
    name: "metadata of a server stream",
    async run(link) {
      const { got, options } = gather();
      assert.equal((await collect(link.client.serverStream({ plan: { count: 2 } }, options))).length, 2);
      assertEchoed(link, got.header, got.trailer);
    },
  },
  {
    name: "metadata of a client stream",
    async run(link) {
      const { got, options } = gather();
      await link.client.clientStream(requestsOf({}, {}), options);
      assertEchoed(link, got.header, got.trailer);
    },
  },
  {
    name: "metadata of a bidirectional stream",
    needs: ["bidi"],
    async run(link) {
      const { got, options } = gather();
      await collect(link.client.bidiStream(requestsOf({}, {}), options));
      assertEchoed(link, got.header, got.trailer);
    },
  },
  {
    name: "the header comes with the first answer, not with the last",
    async run({ client }) {
      const { got, options } = gather();
      for await (const _ of client.serverStream({ plan: { count: 2 } }, options)) {
        assert.equal(got.header?.get("x-echo-text"), "plain value, with a comma");
      }
    },
  },
  {
    name: "metadata of a call that fails stands on its error",
    async run({ client }) {
      const error = await rejectsWith(
        client.unary({ plan: { failure: { code: Code.NotFound, message: "gone" } } }, { headers: sent() }),
        Code.NotFound,
      );
      assert.equal(error.metadata.get("x-trail-text"), "at the end");
      assert.deepEqual(decodeBinaryHeader(error.metadata.get("x-trail-bin") ?? ""), BYTES.slice(0, 7));
    },
  },
  {
    name: "many and long headers",
    async run({ client }) {
      const headers = new Headers();
      for (let i = 0; i < 40; i++) headers.set(`x-echo-${i}`, "v".repeat(i * 10));
      headers.set("x-echo-long", "l".repeat(6000));
      let got: Headers | undefined;
      await client.unary({}, { headers, onHeader: (header) => void (got = header) });
      headers.forEach((value, name) => assert.equal(got?.get(name), value, name));
    },
  },
];

const encodings: Readonly<Record<Compression, Ability | undefined>> = {
  gzip: undefined,
  deflate: undefined,
  br: "newCompressions",
  zstd: "newCompressions",
};

export const compression: readonly Case[] = Object.entries(encodings).flatMap(([name, known]) => {
  const encoding = name as Compression;
  const settings: LinkSettings = { compression: encoding };
  const needs = known === undefined ? [] : [known];
  return [
    {
      name: `${encoding} requests`,
      settings,
      needs,
      async run({ client }) {
        const { echo } = await client.unary({ payload: filled(100_000) });
        assertSameBytes(echo?.payload, filled(100_000));
        const streamed = await client.clientStream(
          requestsOf({ payload: filled(100_000) }, {}, { payload: filled(7) }),
        );
        assert.equal(streamed.echo?.receivedBytes, 100_007n);
      },
    },
    {
      name: `${encoding} answers`,
      settings,
      needs: [...needs, "compressedAnswers"],
      async run({ client }) {
        let header = new Headers();
        const plan = { answerBytes: 100_000, count: 3 };
        const { echo } = await client.unary({ plan }, { onHeader: (received) => void (header = received) });
        assertSameBytes(echo?.payload, filled(100_000));
        // Some clients show how it came, and some keep it to themselves.
        for (const field of ["grpc-encoding", "content-encoding"])
          assert.equal(header.get(field) ?? encoding, encoding);
        for (const { payload } of await collect(client.serverStream({ plan })))
          assertSameBytes(payload, filled(100_000));
      },
    },
  ] satisfies Case[];
});
