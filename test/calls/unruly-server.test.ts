/**
 * Servers that do what servers should not. Whatever it is, it ends in an error of the calls that it concerns, never in
 * one of the process, and a client goes on with those that behave.
 */
import "../kit/trap.ts";
import { Code, ConnectError } from "heddle";
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { rejectsWith } from "../interop/cases/errors.ts";
import { addressesOf, connectTo, startEcho } from "../kit/running.ts";
import { until, within } from "../kit/within.ts";
import { frame, settings, settingsAck, uint32 } from "../wire/raw-peer.ts";

async function startUnruly(t: TestContext, behave: (socket: Socket, connection: number) => void) {
  const sockets: Socket[] = [];
  const listener = createServer((socket) => {
    socket.on("error", () => {});
    sockets.push(socket);
    behave(socket, sockets.length);
  }).listen(0, "127.0.0.1");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  await once(listener, "listening");
  return { address: `127.0.0.1:${(listener.address() as AddressInfo).port}`, sockets };
}

const goaway = (code: number, lastStreamId = 0) => frame(7, 0, 0, [...uint32(lastStreamId), ...uint32(code)]);

test("a GOAWAY on a connection without calls is an event: the client connects anew, and not in a hot loop", async (t) => {
  const { address, sockets } = await startUnruly(t, (socket) => {
    socket.write(Buffer.concat([settings, settingsAck]));
    setTimeout(() => socket.end(goaway(0)), 5).unref();
  });
  const client = connectTo(t, address, { waitForReadyMs: 300 });
  await assert.rejects(client.unary({}, { timeoutMs: 600 }), ConnectError);
  await until(() => sockets.length >= 2, "another attempt");
  assert.ok(sockets.length < 20, `${sockets.length} connections`);
});

test("a storm of resets fails the calls it hits and nothing else", async (t) => {
  const { address } = await startUnruly(t, (socket) => {
    socket.write(Buffer.concat([settings, settingsAck]));
    const storm = Buffer.concat(
      Array.from({ length: 2000 }, (_, i) => frame(3, 0, 2 * (i % 50) + 1, uint32(2))),
    );
    let bytes = 0;
    socket.on("data", (chunk) => {
      bytes += chunk.length;
      if (bytes > 4000) socket.write(storm);
    });
  });
  const good = await startEcho(t);
  const client = connectTo(t, address);
  const neighbour = connectTo(t, good.address);
  const outcomes = await within(
    Promise.all(
      Array.from({ length: 50 }, () =>
        client.unary({ payload: new Uint8Array(200) }, { timeoutMs: 2000 }).then(
          () => "ok",
          (error: unknown) => (error instanceof ConnectError ? "failed" : String(error)),
        ),
      ),
    ),
    "the end of all calls",
  );
  assert.ok(outcomes.every((outcome) => outcome === "failed"));
  await neighbour.unary({});
});

const misdeeds: Record<string, (socket: Socket) => void> = {
  "bytes that are no HTTP/2": (socket) => socket.end("\u0000\u0001 nonsense \u00ff".repeat(50)),
  "an answer in HTTP/1": (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
  "a hang-up at once": (socket) => socket.destroy(),
  "a reset of TCP": (socket) => socket.resetAndDestroy(),
  "a reset of TCP in the middle of a call": (socket) => {
    socket.write(Buffer.concat([settings, settingsAck]));
    setTimeout(() => socket.resetAndDestroy(), 10).unref();
  },
  "a GOAWAY with an error": (socket) => socket.end(Buffer.concat([settings, goaway(11)])),
  "frames for streams that nobody opened": (socket) =>
    socket.write(Buffer.concat([settings, settingsAck, frame(0, 0, 7, [1, 2, 3])])),
};

for (const [name, behave] of Object.entries(misdeeds)) {
  test(`${name}: calls go to the other instance, and the process goes on`, async (t) => {
    const unruly = await startUnruly(t, behave);
    const good = await startEcho(t);
    const client = connectTo(t, addressesOf(unruly, good), { balancer: "round_robin" });
    for (let i = 0; i < 20; i++) await within(client.idempotentUnary({}), "an answer");
  });

  test(`${name}: with TLS expected, it is an error of the connection`, async (t) => {
    const unruly = await startUnruly(t, behave);
    const client = connectTo(t, unruly.address, { tls: {}, waitForReadyMs: 50 });
    await rejectsWith(client.unary({}, { timeoutMs: 1000 }), Code.Unavailable);
  });
}
