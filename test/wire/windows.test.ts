/**
 * A link with delay: 20 ms each way. With a window of 64 KiB that stays, it carries 1.6 MB a second; windows that grow
 * to what the link holds carry many times that, in both directions.
 */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { connectTo, startEcho } from "../kit/running.ts";

const DELAY_MS = 20;
const MESSAGE_BYTES = 1024 * 1024;
const MESSAGES = 24;

/** Passes bytes on in both directions, each chunk 20 ms later. */
async function startSlowLink(t: TestContext, target: string): Promise<string> {
  const port = Number(target.slice(target.lastIndexOf(":") + 1));
  const sockets: Socket[] = [];
  const listener = createServer({ noDelay: true }, (near) => {
    const far = connect({ port, host: "127.0.0.1", noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.push(from);
      from.on("error", () => {});
      from.on("data", (chunk) => setTimeout(() => to.write(chunk), DELAY_MS));
      from.on("close", () => to.destroy());
    }
  }).listen(0, "127.0.0.1");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  await once(listener, "listening");
  return `127.0.0.1:${(listener.address() as AddressInfo).port}`;
}

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
    const link = await startSlowLink(t, (await startEcho(t)).address);
    const client = connectTo(t, link, { defaultTimeoutMs: 60_000 });
    await client.unary({});
    const began = performance.now();
    await transfer(client);
    const tookMs = performance.now() - began;
    const fixedMs = ((MESSAGES * MESSAGE_BYTES) / (64 * 1024)) * 2 * DELAY_MS;
    t.diagnostic(`${Math.round(tookMs)} ms; with windows that stay, ${fixedMs} ms`);
    assert.ok(tookMs < fixedMs / 3, `${tookMs} ms`);
  });
}
