/** Messages from nothing to 32 MiB, and those that are over a limit. */
import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { assertSameBytes, filled } from "../../kit/bytes.ts";
import type { LinkSettings } from "../../kit/peers/peer.ts";
import type { Case } from "../link.ts";
import { collect, requestsOf } from "../streams.ts";
import { rejectsWith } from "./errors.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

const RAISED: LinkSettings = { maxMessageBytes: 40 * MIB };
const SMALL_REQUESTS: LinkSettings = { maxRequestBytes: 10 * KIB };
const SMALL_ANSWERS: LinkSettings = { maxAnswerBytes: 10 * KIB };

const sizes: readonly (readonly [string, number])[] = [
  ["0 bytes", 0],
  ["16 KiB, more than a frame", 16 * KIB],
  ["64 KiB, more than HTTP/2's first window", 64 * KIB],
  ["4 MiB", 4 * MIB],
  ["32 MiB", 32 * MIB],
];

export const largeMessages: readonly Case[] = [
  ...sizes.map(
    ([name, size]): Case => ({
      name: `${name} both ways`,
      settings: RAISED,
      needs: size < 32 * MIB ? [] : ["exactSizes"],
      heavy: size >= 32 * MIB,
      async run({ client, can }) {
        const payload = filled(size);
        const { echo } = await client.unary({ payload });
        assertSameBytes(echo?.payload, payload);
        const { echo: counted } = await client.clientStream(requestsOf({ payload }));
        assert.equal(counted?.receivedBytes, BigInt(size));
        if (!can("bidi")) return;
        const [streamed, ...more] = await collect(client.bidiStream(requestsOf({ payload })));
        assertSameBytes(streamed?.payload, payload);
        assert.equal(more.length, 0);
      },
    }),
  ),
  {
    name: "a message with no bytes at all",
    async run({ client, can }) {
      assert.equal((await client.unary({})).echo?.receivedMessages, 1);
      assert.equal((await client.clientStream(requestsOf({}, {}, {}))).echo?.receivedMessages, 3);
      if (!can("bidi")) return;
      const answers = await collect(client.bidiStream(requestsOf({}, {}, {})));
      assert.equal(answers.at(-1)?.receivedMessages, 3);
    },
  },
  {
    name: "fields of bytes are plain Uint8Arrays",
    async run({ client, oursCalls }) {
      if (!oursCalls) return;
      for (const size of [10, 100_000]) {
        const { echo } = await client.unary({ payload: filled(size) });
        assert.equal(Object.getPrototypeOf(echo?.payload), Uint8Array.prototype);
      }
    },
  },
  {
    name: "a stream of 64 × 256 KiB each way",
    needs: ["bidi"],
    async run({ client }) {
      const requests = Array.from({ length: 64 }, () => ({ payload: filled(256 * KIB) }));
      const answers = await collect(client.bidiStream(requestsOf(...requests)));
      assert.equal(answers.at(-1)?.receivedBytes, BigInt(16 * MIB));
      assert.equal(answers.length, 64);
    },
  },
];

export const limits: readonly Case[] = [
  {
    name: "a request over the server's limit is RESOURCE_EXHAUSTED",
    settings: SMALL_REQUESTS,
    needs: ["exactSizes"],
    async run({ client, can }) {
      const payload = filled(11 * KIB);
      await rejectsWith(client.unary({ payload }), Code.ResourceExhausted);
      await rejectsWith(client.clientStream(requestsOf({ payload })), Code.ResourceExhausted);
      assert.equal((await client.unary({ payload: filled(9 * KIB) })).echo?.payload.length, 9 * KIB);
      if (!can("bidi")) return;
      await rejectsWith(
        collect(client.bidiStream(requestsOf({ payload: filled(9 * KIB) }, { payload }))),
        Code.ResourceExhausted,
      );
    },
  },
  {
    name: "an answer over the client's limit is RESOURCE_EXHAUSTED",
    settings: SMALL_ANSWERS,
    needs: ["exactSizes"],
    async run({ client }) {
      const plan = { answerBytes: 11 * KIB, count: 2 };
      await rejectsWith(client.unary({ plan }), Code.ResourceExhausted);
      await rejectsWith(collect(client.serverStream({ plan })), Code.ResourceExhausted);
      assert.equal((await client.unary({ plan: { answerBytes: 9 * KIB } })).echo?.payload.length, 9 * KIB);
    },
  },
];
