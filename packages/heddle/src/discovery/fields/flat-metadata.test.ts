import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createEndpoint } from "../endpoint.ts";
import { type FlatMetadataForm, fromFlatMetadata, toFlatMetadata } from "./flat-metadata.ts";

const CONSUL: FlatMetadataForm = {
  prefix: "heddle-",
  isKey: (key) => /^[a-zA-Z0-9_-]{1,128}$/.test(key),
  maxValueBytes: 512,
};

test("an instance without anything special is a few plain fields", () => {
  const instance = createEndpoint({
    address: "h:1",
    id: "a",
    service: "orders",
    metadata: { team: "x" },
    zone: "z",
  });
  assert.deepEqual(toFlatMetadata(instance, 7n, CONSUL), {
    team: "x",
    "heddle-id": "a",
    "heddle-incarnation": "7",
    "heddle-service": "orders",
    "heddle-weight": "1",
    "heddle-zone": "z",
  });
});

test("any instance comes back from a map that keeps to the registry's limits", () => {
  const name = fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 300 })
    .map((text) => text.replaceAll(",", "."));
  const word = fc.stringMatching(/^[a-zA-Z][\w.]{0,60}$/);
  const instance = fc.record({
    id: name,
    service: fc.option(name, { nil: "" }),
    contracts: fc.array(word, { maxLength: 40 }),
    protocols: fc.subarray(["grpc", "grpc-web", "connect"]),
    otherAddresses: fc.array(word.map((host) => `${host}:80`)),
    tls: fc.option(fc.boolean(), { nil: undefined }),
    weight: fc.nat(999_999_999),
    zone: fc.option(name, { nil: undefined }),
    version: fc.option(name, { nil: undefined }),
    health: fc.constantFrom("unknown" as const, "unhealthy" as const),
    draining: fc.boolean(),
    metadata: fc.dictionary(
      fc.oneof(word, fc.string({ maxLength: 200 }), fc.constant("heddle-id"), fc.constant("__proto__")),
      fc.string({ unit: "grapheme", maxLength: 700 }),
      { noNullPrototype: true },
    ),
  });
  fc.assert(
    fc.property(instance, fc.bigInt({ min: 0n, max: 2n ** 63n }), ({ tls, ...given }, incarnation) => {
      const endpoint = createEndpoint({
        address: "h:1",
        ...definedOnly(given),
        ...(tls === undefined ? {} : { tls }),
      });
      const flat = toFlatMetadata(endpoint, incarnation, CONSUL);
      for (const [key, value] of Object.entries(flat)) {
        assert.ok(CONSUL.isKey(key), key);
        assert.ok(Buffer.byteLength(value) <= 512);
      }
      const { incarnation: read, ...back } = fromFlatMetadata(flat, CONSUL);
      assert.equal(read, incarnation);
      assert.deepEqual(createEndpoint({ address: "h:1", ...back }), endpoint);
    }),
  );
});

test("what others wrote is metadata, and nonsense under our names is left out", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.string()), (flat) => {
      const read = fromFlatMetadata(flat, CONSUL);
      assert.deepEqual(
        read.metadata,
        Object.fromEntries(Object.entries(flat).filter(([key]) => !key.startsWith("heddle-"))),
      );
    }),
  );
  assert.deepEqual(
    fromFlatMetadata(
      {
        "heddle-weight": "-1",
        "heddle-tls": "maybe",
        "heddle-incarnation": "x",
        "heddle-more": "[1]",
        "heddle-draining": "1",
      },
      CONSUL,
    ),
    { metadata: {} },
  );
  assert.deepEqual(fromFlatMetadata({ "heddle-more": '{"a":1,"b":"c"}' }, CONSUL), { metadata: { b: "c" } });
});

function definedOnly<Given extends object>(
  given: Given,
): { [Key in keyof Given]: Exclude<Given[Key], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never;
}

test("what others wrote in our fields and makes no sense is left out", () => {
  const read = (fields: Record<string, string>) => fromFlatMetadata(fields, CONSUL);
  // Names that every object has are no words for yes and no.
  for (const tls of ["constructor", "__proto__", "toString", "TRUE", "1"])
    assert.equal("tls" in read({ "heddle-id": "a", "heddle-tls": tls }), false, tls);
  const { otherAddresses } = read({ "heddle-addresses": "10.0.0.1:1,nonsense,::,10.0.0.1:0,[::1]:2,a b:1" });
  assert.deepEqual(otherAddresses, ["10.0.0.1:1", "[::1]:2"]);
  assert.deepEqual(
    Object.keys(read(JSON.parse('{"__proto__":"x","heddle-more":"{\\"__proto__\\":\\"y\\"}"}')).metadata),
    ["__proto__"],
  );
});
