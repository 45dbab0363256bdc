/**
 * A link with delay: 20 ms each way. With a window of 64 KiB that stays, it carries 1.6 MB a second; windows that grow
 * to what the link holds carry many times that, in both directions.
 */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { startRelay } from "../kit/relay.ts";
import { connectTo, startEcho } from "../kit/running.ts";

const DELAY_MS = 20;
const MESSAGE_BYTES = 1024 * 1024;
const MESSAGES = 24;

async function* payloads() {
  for (let i = 0; i < MESSAGES; i++) yield { payload: new Uint8Array(MESSAGE_BYTES) };
}

const transfers = {
  up: async (client: ReturnType<typeof connectTo>) => {
    const { echo } = await client.clientStream(payloads());
    assert.equal(echo?.receivedBytes, BigInt(MESSAGES * MESSAGE_BYTES));
  },
  down: async (client: ReturnType<typeof connectTo>) => {
    let bytes = 0;
    const plan = { count: MESSAGES, answerBytes: MESSAGE_BYTES };
    for await (const { echo } of client.serverStream({ plan })) bytes += echo?.payload.length ?? 0;
    assert.equal(bytes, MESSAGES * MESSAGE_BYTES);
  },
};

for (const [direction, transfer] of Object.entries(transfers)) {
  test(`windows grow with the link, ${direction}`, async (t) => {
    const relay = await startRelay(t, (await startEcho(t)).address, { delayMs: DELAY_MS });
    const client = connectTo(t, relay.address, { defaultTimeoutMs: 60_000 });
    await client.unary({});
    const began = performance.now();
    await transfer(client);
    const tookMs = performance.now() - began;
    const fixedMs = ((MESSAGES * MESSAGE_BYTES) / (64 * 1024)) * 2 * DELAY_MS;
    t.diagnostic(`${Math.round(tookMs)} ms; with windows that stay, ${fixedMs} ms`);
    assert.ok(tookMs < fixedMs / 3, `${tookMs} ms`);
  });
}
