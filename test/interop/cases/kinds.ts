/** The four kinds of call, and what only a stream can do. */
import assert from "node:assert/strict";
import { Code } from "@connectrpc/connect";
import { assertSameBytes, filled } from "../../kit/bytes.ts";
import type { Case } from "../link.ts";
import { collect, Requests, requestsOf } from "../streams.ts";
import { rejectsWith } from "./errors.ts";

const HELLO = filled(100);

export const kinds: readonly Case[] = [
  {
    name: "unary",
    async run({ client }) {
      const { echo } = await client.unary({ payload: HELLO });
      assertSameBytes(echo?.payload, HELLO);
      assert.equal(echo?.receivedMessages, 1);
    },
  },
  {
    name: "server stream",
    async run({ client }) {
      const answers = await collect(client.serverStream({ payload: HELLO, plan: { count: 100 } }));
      assert.equal(answers.length, 100);
      for (const { payload } of answers) assertSameBytes(payload, HELLO);
    },
  },
  {
    name: "server stream of nothing",
    async run({ client }) {
      assert.deepEqual(await collect(client.serverStream({ payload: HELLO, plan: { count: 0 } })), []);
    },
  },
  {
    name: "client stream",
    async run({ client }) {
      const requests = Array.from({ length: 100 }, () => ({ payload: HELLO }));
      const { echo } = await client.clientStream(requestsOf(...requests));
      assert.equal(echo?.receivedMessages, 100);
      assert.equal(echo.receivedBytes, 10_000n);
    },
  },
  {
    name: "client stream of nothing",
    async run({ client }) {
      assert.equal((await client.clientStream(requestsOf())).echo?.receivedMessages, 0);
    },
  },
  {
    name: "bidirectional stream, answers in order",
    needs: ["bidi"],
    async run({ client }) {
      const requests = Array.from({ length: 100 }, (_, i) => ({ payload: filled(i) }));
      const answers = await collect(client.bidiStream(requestsOf(...requests)));
      assert.deepEqual(
        answers.map(({ payload }) => payload.length),
        requests.map((_, i) => i),
      );
    },
  },
  {
    name: "bidirectional stream, each question after the answer to the last",
    needs: ["bidi"],
    async run({ client }) {
      const requests = new Requests({ payload: filled(0) });
      const sizes: number[] = [];
      for await (const { echo } of client.bidiStream(requests)) {
        sizes.push(echo?.payload.length ?? -1);
        if (sizes.length === 20) requests.end();
        else requests.send({ payload: filled(sizes.length) });
      }
      assert.deepEqual(
        sizes,
        Array.from({ length: 20 }, (_, i) => i),
      );
    },
  },
  {
    name: "the server ends a stream with an error while the client still sends",
    needs: ["bidi"],
    async run({ client }) {
      const requests = new Requests(
        { plan: { failure: { code: Code.FailedPrecondition, message: "enough", afterAnswers: 1 } } },
        { payload: HELLO },
      );
      const seen: number[] = [];
      const reading = (async () => {
        for await (const { echo } of client.bidiStream(requests)) seen.push(echo?.receivedMessages ?? 0);
      })();
      await rejectsWith(reading, Code.FailedPrecondition, "enough");
      assert.deepEqual(seen, [1]);
    },
  },
  {
    name: "the server refuses a client stream while the client still sends",
    async run({ client }) {
      const requests = new Requests({
        plan: { failure: { code: Code.ResourceExhausted, message: "no more" } },
      });
      requests.end();
      await rejectsWith(client.clientStream(requests), Code.ResourceExhausted, "no more");
    },
  },
  {
    name: "500 calls at once on one connection",
    async run({ client }) {
      const calls = Array.from({ length: 500 }, (_, i) =>
        client.unary({ payload: filled(i), plan: { delayMs: i % 3 } }),
      );
      const answers = await Promise.all(calls);
      assert.deepEqual(
        answers.map(({ echo }) => echo?.payload.length),
        calls.map((_, i) => i),
      );
    },
  },
  {
    name: "100 bidirectional streams at once",
    needs: ["bidi"],
    async run({ client }) {
      const sizes = (stream: number) => Array.from({ length: 10 }, (_, i) => stream * 10 + i);
      const streams = Array.from({ length: 100 }, async (_, stream) => {
        const answers = await collect(
          client.bidiStream(requestsOf(...sizes(stream).map((size) => ({ payload: filled(size) })))),
        );
        assert.deepEqual(
          answers.map(({ payload }) => payload.length),
          sizes(stream),
        );
      });
      await Promise.all(streams);
    },
  },
];
