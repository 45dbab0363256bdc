/** Deadlines, seen from both ends. */
import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import type { Case, Link } from "../link.ts";
import { collect, requestsOf, Requests } from "../streams.ts";
import { rejectsWith } from "./errors.ts";

type Hang = (link: Link, id: string, timeoutMs: number) => Promise<unknown>;

const BIDI = "bidirectional stream";

/** One call of each kind whose handler never answers. */
const hangs: Readonly<Record<string, Hang>> = {
  unary: ({ client }, id, timeoutMs) => client.unary({ plan: { id, hang: true } }, { timeoutMs }),
  "server stream": ({ client }, id, timeoutMs) =>
    collect(client.serverStream({ plan: { id, hang: true } }, { timeoutMs })),
  "client stream": ({ client }, id, timeoutMs) =>
    client.clientStream(requestsOf({ plan: { id, hang: true } }), { timeoutMs }),
  [BIDI]: ({ client }, id, timeoutMs) =>
    collect(client.bidiStream(new Requests({ plan: { id, hang: true } }), { timeoutMs })),
};

export const deadlines: readonly Case[] = [
  {
    name: "the handler sees what is left of the deadline",
    async run({ client, witness }) {
      const id = witness.newId();
      await client.unary({ plan: { id } }, { timeoutMs: 7000 });
      const { timeoutMs } = await witness.started(id);
      assert.ok(timeoutMs !== undefined && timeoutMs > 3000 && timeoutMs <= 7001, `${timeoutMs} ms are left`);
    },
  },
  ...Object.entries(hangs).map(
    ([kind, hang]): Case => ({
      name: `deadline of a ${kind}: the caller gets DEADLINE_EXCEEDED, the handler is told to stop`,
      needs: kind === BIDI ? ["bidi"] : [],
      async run(link) {
        await withTime(async (timeoutMs) => {
          const id = link.witness.newId();
          await rejectsWith(hang(link, id, timeoutMs), Code.DeadlineExceeded);
          if (!link.witness.saw(id)) return false;
          await link.witness.aborted(id);
          return true;
        });
      },
    }),
  ),
  {
    name: "deadline between two answers of a stream",
    needs: ["bidi"],
    async run({ client, witness }) {
      await withTime(async (timeoutMs) => {
        const id = witness.newId();
        const requests = new Requests({ plan: { id }, payload: new Uint8Array(3) });
        const seen: number[] = [];
        const reading = (async () => {
          for await (const { echo } of client.bidiStream(requests, { timeoutMs }))
            seen.push(echo?.payload.length ?? -1);
        })();
        await rejectsWith(reading, Code.DeadlineExceeded);
        if (seen.length === 0) return false;
        assert.deepEqual(seen, [3]);
        await witness.over(id);
        return true;
      });
    },
  },
  {
    // Not shorter: connect-node writes a fraction of a millisecond as one, which no protocol allows.
    name: "a deadline that is over about when the call is sent",
    async run({ client }) {
      await rejectsWith(client.unary({ plan: { hang: true } }, { timeoutMs: 1 }), Code.DeadlineExceeded);
    },
  },
];

/** Until the deadline came after what it is to come after: false says that the machine was too slow for so short a one. */
async function withTime(attempt: (timeoutMs: number) => Promise<boolean>): Promise<void> {
  for (const timeoutMs of [150, 600, 2400]) if (await attempt(timeoutMs)) return;
  assert.fail("no attempt came to its deadline with the handler at work");
}
