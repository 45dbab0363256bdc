/** Cancellation, from either end. */
import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import type { Case, Link } from "../link.ts";
import { collect, Requests, requestsOf } from "../streams.ts";
import { rejectsWith } from "./errors.ts";

type Call = (link: Link, id: string, signal: AbortSignal) => Promise<unknown>;

const BIDI = "bidirectional stream";

const calls: Readonly<Record<string, Call>> = {
  unary: ({ client }, id, signal) => client.unary({ plan: { id, hang: true } }, { signal }),
  "server stream": ({ client }, id, signal) =>
    collect(client.serverStream({ plan: { id, hang: true } }, { signal })),
  "client stream": ({ client }, id, signal) =>
    client.clientStream(new Requests({ plan: { id, hang: true } }), { signal }),
  [BIDI]: ({ client }, id, signal) =>
    collect(client.bidiStream(new Requests({ plan: { id, hang: true } }), { signal })),
};

export const cancellation: readonly Case[] = [
  ...Object.entries(calls).map(
    ([kind, call]): Case => ({
      name: `the caller aborts a ${kind}: CANCELED there, the signal fires here`,
      needs: kind === BIDI ? ["bidi"] : [],
      async run(link) {
        const id = link.witness.newId();
        const controller = new AbortController();
        const ended = rejectsWith(call(link, id, controller.signal), Code.Canceled);
        await link.witness.started(id);
        controller.abort();
        await ended;
        await link.witness.aborted(id);
      },
    }),
  ),
  {
    name: "the caller aborts between two answers",
    needs: ["bidi"],
    async run({ client, witness }) {
      const id = witness.newId();
      const controller = new AbortController();
      const requests = new Requests({ plan: { id }, payload: new Uint8Array(5) });
      const reading = (async () => {
        for await (const { echo } of client.bidiStream(requests, { signal: controller.signal })) {
          assert.equal(echo?.payload.length, 5);
          controller.abort();
        }
      })();
      await rejectsWith(reading, Code.Canceled);
      await witness.over(id);
    },
  },
  {
    name: "a signal that is aborted already",
    async run({ client }) {
      const signal = AbortSignal.abort();
      await rejectsWith(client.unary({ plan: { hang: true } }, { signal }), Code.Canceled);
      await rejectsWith(collect(client.serverStream({ plan: { hang: true } }, { signal })), Code.Canceled);
    },
  },
  {
    name: "the handler gives up: the caller gets what it said",
    async run({ client }) {
      const plan = { failure: { code: Code.Canceled, message: "not today", afterAnswers: 1 }, count: 3 };
      await rejectsWith(collect(client.serverStream({ plan })), Code.Canceled, "not today");
      await rejectsWith(
        client.unary({ plan: { failure: { code: Code.Canceled, message: "nor now" } } }),
        Code.Canceled,
        "nor now",
      );
    },
  },
  {
    name: "a cancelled call leaves its neighbours alone",
    needs: ["bidi"],
    async run({ client, witness }) {
      const id = witness.newId();
      const controller = new AbortController();
      const cancelled = rejectsWith(
        client.unary({ plan: { id, hang: true } }, { signal: controller.signal }),
        Code.Canceled,
      );
      const requests = new Requests({ payload: new Uint8Array(1) });
      const neighbour = collect(client.bidiStream(requests));
      await witness.started(id);
      controller.abort();
      await cancelled;
      requests.send({ payload: new Uint8Array(2) });
      requests.end();
      assert.deepEqual(
        (await neighbour).map(({ payload }) => payload.length),
        [1, 2],
      );
      await client.clientStream(requestsOf({ payload: new Uint8Array(1) }));
    },
  },
];
