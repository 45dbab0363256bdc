/** Request objects that do more than hold values. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { connectTo, startEcho } from "../kit/running.ts";

test("a getter of a request may make a call of its own, and both requests arrive whole", async (t) => {
  const client = connectTo(t, (await startEcho(t)).address);
  const inside: ReturnType<typeof client.unary>[] = [];
  const request = {
    get payload() {
      inside.push(client.unary({ plan: { answerBytes: 0 }, payload: new Uint8Array(100).fill(7) }));
      return new Uint8Array(3000).fill(9);
    },
  };
  assert.equal((await client.unary(request)).echo?.receivedBytes, 3000n);
  assert.ok(inside.length > 0);
  for (const answer of await Promise.all(inside)) assert.equal(answer.echo?.receivedBytes, 100n);
});

test("a getter of a request that throws ends its own call only", async (t) => {
  const client = connectTo(t, (await startEcho(t)).address);
  const request = {
    get payload(): Uint8Array<ArrayBuffer> {
      throw new Error("no payload today");
    },
  };
  const before = client.unary({ payload: new Uint8Array(10) });
  await assert.rejects(client.unary(request), /no payload today/);
  assert.equal((await before).echo?.receivedBytes, 10n);
  assert.equal((await client.unary({ payload: new Uint8Array(20) })).echo?.receivedBytes, 20n);
});
