/** Single questions to servers that answer badly, or not at all. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { systemRuntime } from "../../runtime/runtime.ts";
import { createDnsLookup } from "./dns-lookup.ts";

/** A server that answers every question with this code of RFC 1035 and no record; undefined: with nothing. */
async function startServer(t: TestContext, code: number | undefined): Promise<string> {
  const socket = createSocket("udp4", (query, { port, address }) => {
    if (code === undefined) return;
    const answer = Buffer.from(query);
    answer.writeUInt16BE(0x8180 | code, 2);
    socket.send(answer, port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  t.after(() => socket.close());
  return `127.0.0.1:${socket.address().port}`;
}

const lookup = createDnsLookup({ timeoutMs: 200, runtime: systemRuntime });
const NOTHING = { records: [], ttlMs: undefined };

test("a server that says there is none has answered", async (t) => {
  for (const code of [0, 3]) {
    using round = lookup.open([await startServer(t, code)]);
    assert.deepEqual(await round.addresses("orders.test", 4), NOTHING);
    assert.deepEqual(await round.addresses("orders.test", 6), NOTHING);
    assert.deepEqual(await round.services("_grpc._tcp.orders.test"), NOTHING);
  }
});

test("a server that cannot find out, refuses or is silent has not", async (t) => {
  for (const [code, message] of [
    [2, /A of orders\.test: .*SERVFAIL/],
    [5, /A of orders\.test: .*REFUSED/],
    [undefined, /A of orders\.test: no answer/],
  ] as const) {
    using round = lookup.open([await startServer(t, code)]);
    await assert.rejects(round.addresses("orders.test", 4), message);
  }
});

test("addresses and localhost need no server", async (t) => {
  using round = lookup.open([await startServer(t, undefined)]);
  assert.deepEqual((await round.addresses("10.0.0.1", 4)).records, ["10.0.0.1"]);
  assert.deepEqual((await round.addresses("10.0.0.1", 6)).records, []);
  assert.deepEqual((await round.addresses("localhost", 6)).records, ["::1"]);
});

test("of SRV records those are left out that lead nowhere", async (t) => {
  const record = (port: number, host: string) => {
    const name = Buffer.concat([
      ...host.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
      ...(host === "" ? [] : [Buffer.of(0)]),
    ]);
    const fixed = Buffer.from("c00c00210001000000050000000000010000", "hex");
    fixed.writeUInt16BE(6 + name.length, 10);
    fixed.writeUInt16BE(port, 16);
    return Buffer.concat([fixed, name]);
  };
  const records = [record(0, "a.test"), record(50051, "b.test"), record(50051, "")];
  const socket = createSocket("udp4", (query, { port, address }) => {
    // Without what the client says of itself behind its question (EDNS).
    const question = query.subarray(0, query.indexOf(Buffer.from("00210001", "hex")) + 4);
    const answer = Buffer.concat([question, ...records]);
    answer.writeUInt16BE(0x8180, 2);
    answer.writeUInt16BE(records.length, 6);
    answer.writeUInt16BE(0, 10);
    socket.send(answer, port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  t.after(() => socket.close());
  using round = lookup.open([`127.0.0.1:${socket.address().port}`]);
  const found = await round.services("_grpc._tcp.orders.test");
  assert.deepEqual(found.records, [{ host: "b.test", port: 50051, priority: 0, weight: 1 }]);
});
