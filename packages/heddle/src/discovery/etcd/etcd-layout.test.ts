import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createEndpoint } from "../endpoint.ts";
import { namesOf } from "../names.ts";
import { keyBytes, keyText, prefixRange } from "./etcd-keys.ts";
import { createEtcdLayout, readInstance, readOwner, writeInstance } from "./etcd-layout.ts";

const word = fc.string({ minLength: 1, unit: "grapheme" });
const address = fc.nat({ max: 65_534 }).map((port) => `10.0.0.1:${port + 1}`);
const instances = fc
  .record({
    id: word,
    address,
    otherAddresses: fc.array(address, { maxLength: 2 }),
    service: word,
    contracts: fc.array(word, { maxLength: 3 }),
    protocols: fc.array(fc.constantFrom("grpc", "connect"), { maxLength: 2 }),
    weight: fc.nat(),
    draining: fc.boolean(),
    metadata: fc.dictionary(word, fc.string(), { noNullPrototype: true }),
    more: fc.record({ tls: fc.boolean(), zone: word, version: word }, { requiredKeys: [] }),
  })
  .map(({ more, ...fields }) => createEndpoint({ ...fields, ...more }));

describe("the layout of keys and values", () => {
  it("gives back every instance that it was given, under each of its names and under no other", () => {
    fc.assert(
      fc.property(
        instances,
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.string(),
        (instance, owner, root) => {
          const layout = createEtcdLayout(root);
          const value = writeInstance(instance, owner);
          assert.deepEqual(readOwner(value), { id: instance.id, incarnation: owner });
          for (const [at, name] of namesOf(instance).entries()) {
            const key = layout.keysOf(instance)[at] ?? "";
            assert.equal(layout.idOf(name, keyBytes(key)), instance.id);
            assert.deepEqual(readInstance(name, instance.id, value), instance);
          }
          assert.equal(readInstance(`${instance.service}/${instance.id}`, "", value), undefined);
        },
      ),
    );
  });

  it("writes what gRPC naming of Go reads: Op and Addr, and no Metadata that it could not compare", () => {
    const instance = createEndpoint({ address: "[::1]:80", service: "orders", metadata: { a: "b" } });
    const { Op, Addr, Metadata } = JSON.parse(keyText(writeInstance(instance, 1n)));
    assert.deepEqual([Op, Addr, Metadata], [0, "[::1]:80", undefined]);
  });

  it("reads what gRPC naming of Go writes, metadata of whatever kind", () => {
    const read = (value: unknown) => readInstance("orders", "id", keyBytes(JSON.stringify(value)));
    assert.deepEqual(
      read({ Op: 0, Addr: "10.0.0.1:80", Metadata: { rack: "a", slots: 2, on: true, deep: {} } }),
      createEndpoint({ id: "id", address: "10.0.0.1:80", metadata: { rack: "a", slots: "2", on: "true" } }),
    );
    for (const Metadata of [null, "text", 7, ["a"]])
      assert.deepEqual(
        read({ Addr: "10.0.0.1:80", Metadata }),
        createEndpoint({ id: "id", address: "10.0.0.1:80" }),
      );
    for (const value of [
      { Op: 1, Addr: "10.0.0.1:80" },
      { Addr: "nonsense" },
      { Addr: 7 },
      {},
      [],
      null,
      "10.0.0.1:80",
    ])
      assert.equal(read(value), undefined);
  });

  it("survives any bytes, and any JSON", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.jsonValue(), (bytes, json) => {
        const fields = { Addr: "10.0.0.1:80", heddle: json };
        for (const value of [bytes, keyBytes(JSON.stringify(json)), keyBytes(JSON.stringify(fields))]) {
          readOwner(value);
          readInstance("orders", "id", value);
        }
        createEtcdLayout("a").idOf("orders", bytes);
      }),
    );
  });

  it("passes over names that only begin alike, and slashes around the root", () => {
    const layout = createEtcdLayout("/shop/");
    assert.equal(layout.prefixOf("orders"), "shop/orders/");
    assert.equal(layout.idOf("orders", keyBytes("shop/orders-v2/a")), undefined);
    assert.equal(layout.idOf("orders", keyBytes("shop/orders/")), undefined);
    assert.equal(createEtcdLayout("").prefixOf("orders"), "orders/");
  });
});

it("the range of a prefix holds exactly the keys that begin with it", () => {
  const within = (key: Uint8Array, from: Uint8Array, to: Uint8Array) =>
    Buffer.compare(key, from) >= 0 && ((to.length === 1 && to[0] === 0) || Buffer.compare(key, to) < 0);
  fc.assert(
    fc.property(fc.string(), fc.string({ minLength: 1 }), fc.boolean(), (prefix, rest, joined) => {
      const key = joined ? prefix + rest : rest;
      const { key: from, rangeEnd } = prefixRange(prefix);
      const begins = Buffer.from(key).subarray(0, Buffer.byteLength(prefix)).equals(Buffer.from(prefix));
      if (key !== "" && !key.startsWith("\0")) assert.equal(within(keyBytes(key), from, rangeEnd), begins);
    }),
  );
});
