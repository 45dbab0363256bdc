/**
 * A connection whose other end is gone without a word: a host without power, a route that drops packets. Here a relay
 * stands between client and server and, told to, passes nothing on any more, while all sockets stay open.
 */
import "../kit/trap.ts";
import { Code } from "heddle";
import assert from "node:assert/strict";
import { test } from "node:test";
import { rejectsWith } from "../interop/cases/errors.ts";
import { startRelay } from "../kit/relay.ts";
import { connectTo, startEcho } from "../kit/running.ts";
import { until, within } from "../kit/within.ts";
import { Witness } from "../kit/witness.ts";

test("both ends find it out within their keepalive times: the call fails, the handler ends", async (t) => {
  const witness = new Witness();
  const server = await startEcho(t, { witness, keepaliveMs: 150, keepaliveTimeoutMs: 150 });
  const relay = await startRelay(t, server.address);
  const client = connectTo(t, relay.address, { keepaliveMs: 150, keepaliveTimeoutMs: 150 });
  const id = witness.newId();
  const failed = rejectsWith(
    client.unary({ plan: { id, hang: true } }),
    Code.Unavailable,
    /PING within 150 ms/,
  );
  await witness.started(id);
  relay.fallSilent();
  const began = performance.now();
  await within(Promise.all([failed, witness.aborted(id)]), "the end of both sides");
  const tookMs = performance.now() - began;
  assert.ok(tookMs > 100 && tookMs < 3000, `${tookMs} ms`);
  await client.unary({});
  assert.equal(relay.connections, 2, "the next call goes over a new connection");
});

test("a call that may be repeated succeeds over another connection, without its caller noticing", async (t) => {
  const server = await startEcho(t);
  const relay = await startRelay(t, server.address);
  const client = connectTo(t, relay.address, { keepaliveMs: 100, keepaliveTimeoutMs: 100 });
  await client.unary({});
  relay.fallSilent();
  await within(client.idempotentUnary({}), "the answer");
  assert.equal(relay.connections, 2);
});

test("a call that takes its time is left alone, for PINGs are answered", async (t) => {
  const server = await startEcho(t);
  const client = connectTo(t, server.address, { keepaliveMs: 20, keepaliveTimeoutMs: 1000 });
  await client.unary({ plan: { delayMs: 400 } });
  await until(() => server.connections === 1, "one connection");
});
