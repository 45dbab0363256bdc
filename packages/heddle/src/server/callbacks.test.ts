/** Callbacks of the server's owner that throw: what the server was doing goes on, and the error is not swallowed. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { connectScriptedClient, envelope, until } from "../connection/scripted-peer.test.ts";
import { Echo } from "../contract/echo-service.test.ts";
import { implement } from "./implement.ts";
import { createServer } from "./server.ts";

let loose: string[] = [];
before(() => process.setUncaughtExceptionCaptureCallback((error: Error) => loose.push(error.message)));
after(() => process.setUncaughtExceptionCaptureCallback(null));
beforeEach(() => (loose = []));

const fields = Object.entries({
  ":method": "POST",
  ":scheme": "http",
  ":path": "/heddle.unit.Echo/Say",
  te: "trailers",
  "content-type": "application/grpc",
}).flat();

test("`onPeerError` throws: the peer's connection is closed as if it had not, and others are served", async () => {
  await using server = await createServer({
    services: [implement(Echo, { say: ({ value }) => ({ value }) })],
    listen: "memory:callbacks-peer-error",
    onPeerError: (error) => {
      throw new Error(`told of ${error.reason}`);
    },
  });
  const [bad, good] = [connectScriptedClient(server.address), connectScriptedClient(server.address)];
  await until(() => server.connections === 2);
  bad.machine.out.write(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0));
  bad.flush();
  await until(() => server.connections === 1, "the connection to be closed");
  assert.deepEqual(loose, ["told of protocolError"]);
  const stream = good.open(fields);
  stream.sendBytes(envelope(Uint8Array.of(0x0a, 1, 7)), true);
  await until(() => stream.over);
  assert.equal(stream.field("grpc-status"), "0");
  good.cut();
});

test("`onHandlerError` throws: the caller is answered all the same", async () => {
  await using server = await createServer({
    services: [
      implement(Echo, {
        say: () => {
          throw new TypeError("a bug");
        },
      }),
    ],
    listen: "memory:callbacks-handler-error",
    onHandlerError: () => {
      throw new Error("cannot log");
    },
  });
  const client = connectScriptedClient(server.address);
  const stream = client.open(fields);
  stream.sendBytes(envelope(Uint8Array.of(0x0a, 1, 7)), true);
  await until(() => stream.over);
  assert.equal(stream.field("grpc-status"), "2");
  assert.deepEqual(loose, ["cannot log"]);
  client.cut();
});
