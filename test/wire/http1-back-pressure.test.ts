/** Over HTTP/1.1 as over HTTP/2: who does not read holds back only the one that writes to him, and memory stays flat. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { startEcho } from "../kit/running.ts";
import { until } from "../kit/within.ts";
import { connectText } from "./raw-http1.ts";

const MiB = 1024 * 1024;
const SERVICE = "/heddle.test.v1.EchoService";

/** A message in Connect's envelope, one character a byte. */
function envelope(json: string): string {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(json.length, 1);
  return head.toString("latin1") + json;
}

function head(method: string, ...more: readonly string[]): string {
  const fields = ["Host: here", "Content-Type: application/connect+json", ...more];
  return `POST ${SERVICE}/${method} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`;
}

test("a reader that stops holds the handler back, and gets everything when it goes on", async (t) => {
  const count = 400;
  let made = 0;
  const { address } = await startEcho(t, {
    handlers: {
      async *serverStream() {
        const payload = new Uint8Array(100_000);
        for (; made < count; made++) yield { echo: { payload } };
      },
    },
  });
  using peer = await connectText(address);
  const request = envelope("{}");
  peer.socket.pause();
  peer.write(head("ServerStream", `Content-Length: ${request.length}`) + request);
  let last = -1;
  await until(() => {
    const stopped = made > 0 && made === last;
    last = made;
    return stopped;
  }, "the handler is held back");
  assert.ok(made < 200, `${made} answers of 133 kB were made for nobody`);
  peer.socket.resume();
  await until(() => peer.text.endsWith("\r\n0\r\n\r\n"), "the end", 30_000);
  assert.equal(made, count);
  assert.equal(peer.text.split('"payload":').length - 1, count);
});

test("a handler that does not take requests holds the writer back", async (t) => {
  const go = Promise.withResolvers<void>();
  let taken = 0;
  const { address } = await startEcho(t, {
    handlers: {
      async clientStream(requests) {
        await go.promise;
        for await (const _ of requests) taken++;
        return {};
      },
    },
  });
  using peer = await connectText(address);
  peer.write(head("ClientStream", "Transfer-Encoding: chunked"));
  const message = envelope(JSON.stringify({ payload: "A".repeat(100_000) }));
  const chunk = `${message.length.toString(16)}\r\n${message}\r\n`;
  const count = 300;
  for (let i = 0; i < count; i++) peer.write(chunk);
  await until(() => peer.socket.writableLength > 0 && peer.socket.bytesWritten > 0, "the writer waits");
  let last = -1;
  await until(() => {
    const stopped = peer.socket.writableLength === last;
    last = peer.socket.writableLength;
    return stopped;
  }, "nothing moves");
  const kernel = 8 * MiB;
  assert.ok(last > count * chunk.length - kernel, `only ${last} bytes wait at the writer`);
  go.resolve();
  peer.write("0\r\n\r\n");
  assert.deepEqual(await peer.answers(1), [200]);
  assert.equal(taken, count);
});
