import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clone,
  create,
  createFileRegistry,
  type DescMessage,
  equals,
  fromBinary,
  isFieldSet,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { codecOf } from "../codec/codec.ts";
import { compileImage } from "../compatibility/compile.test.ts";
import { eachSetField } from "./set-fields.ts";
import { watchReads } from "./watch-reads.ts";

const registry = createFileRegistry(
  fromBinary(
    FileDescriptorSetSchema,
    compileImage({
      "u/v1/u.proto": `syntax = "proto3"; package u.v1; import "google/protobuf/timestamp.proto";
        message Order { string id = 1; optional string note = 2; Customer customer = 3; repeated Line lines = 4;
          map<string, Line> by_name = 5; oneof pay { string card = 6; Customer invoice = 7; } bytes blob = 8;
          google.protobuf.Timestamp at = 9; int64 total = 10; }
        message Customer { string name = 1; string fax = 2; }
        message Line { string sku = 1; int32 count = 2; }`,
    }),
  ),
);
const Order = registry.getMessage("u.v1.Order") as DescMessage;

interface OrderShape extends Message {
  id: string;
  note?: string;
  customer?: { name: string; fax: string };
  lines: { sku: string; count: number }[];
  byName: Record<string, { sku: string; count: number }>;
  pay: { case: string | undefined; value?: unknown };
  blob: Uint8Array;
  at?: Message;
  total: bigint;
}

function anOrder(): OrderShape {
  const init = {
    id: "7",
    customer: { name: "Ada", fax: "none" },
    lines: [{ sku: "a", count: 1 }, { sku: "b" }],
    byName: { x: { sku: "c" } },
    pay: { case: "invoice", value: { name: "Bob" } },
    blob: new Uint8Array([1]),
    at: { seconds: 5n },
    total: 9n,
  };
  // As an answer is: decoded.
  const codec = codecOf(Order);
  return codec.decode(codec.encode(create(Order, init as never))) as OrderShape;
}

function watched(): { readonly order: OrderShape; readonly read: string[] } {
  const read: string[] = [];
  const order = anOrder();
  watchReads(order, Order, (field) => read.push(`${field.parent.name}.${field.name}`));
  return { order, read };
}

test("what is read is told once, inside too, and what is not read is not", () => {
  const { order, read } = watched();
  assert.equal(order.id + order.id, "77");
  assert.equal(order.customer?.name, "Ada");
  assert.equal(order.lines[1]?.sku, "b");
  assert.equal(order.byName["x"]?.sku, "c");
  assert.equal(order.total, 9n);
  assert.deepEqual(read, [
    "Order.id",
    "Order.customer",
    "Customer.name",
    "Order.lines",
    "Line.sku",
    "Order.by_name",
    "Line.sku",
    "Order.total",
  ]);
});

test("of a oneof the field that is set is read", () => {
  const { order, read } = watched();
  assert.equal(order.pay.case, "invoice");
  assert.deepEqual(read, ["Order.invoice"]);
  assert.equal((order.pay.value as { name: string }).name, "Bob");
  assert.deepEqual(read, ["Order.invoice", "Customer.name"]);
});

test("a watched message is what it was for whoever compares, copies, clones, encodes or inspects it", () => {
  const plain = anOrder();
  assert.deepEqual(watched().order, plain);
  assert.deepEqual(structuredClone(watched().order), structuredClone(plain));
  assert.deepEqual({ ...watched().order }, { ...plain });
  assert.ok(equals(Order, watched().order, plain));
  assert.deepEqual(clone(Order, watched().order), plain);
  assert.deepEqual(toJson(Order, watched().order), toJson(Order, plain));
  assert.deepEqual(codecOf(Order).encode(watched().order), codecOf(Order).encode(plain));
  assert.deepEqual(Object.keys(watched().order), Object.keys(plain));
});

test("whoever passes a message on has read all of it", () => {
  const { order, read } = watched();
  codecOf(Order).encode(order);
  for (const field of ["Order.id", "Customer.fax", "Line.count", "Order.total"])
    assert.ok(read.includes(field), field);
});

test("what the program writes is its own, and absent fields stay absent", () => {
  const { order, read } = watched();
  order.id = "8";
  assert.equal(order.id, "8");
  assert.equal(order.note, undefined);
  assert.equal("note" in order, false);
  assert.equal(isFieldSet(order, Order.fields[1] as never), false);
  assert.deepEqual(read, []);
  order.note = "x";
  assert.equal(order.note, "x");
});

test("a message that is frozen or sealed meanwhile can be read, and frozen ones not written", () => {
  const { order: frozen, read } = watched();
  Object.freeze(frozen);
  assert.equal(frozen.id + frozen.id, "77");
  assert.deepEqual(read, ["Order.id"]);
  assert.throws(() => (frozen.id = "8"), TypeError);
  const { order: sealed } = watched();
  Object.seal(sealed);
  sealed.id = "8";
  assert.equal(sealed.id, "8");
  const before = Object.freeze(anOrder());
  watchReads(before, Order, () => assert.fail("it is not watched"));
  assert.equal(before.id, "7");
});

test("the same object comes back each time", () => {
  const { order } = watched();
  assert.equal(order.customer, order.customer);
  assert.equal(order.lines, order.lines);
  assert.equal(order.lines[0], order.lines[0]);
});

test("which fields are set, with those inside", () => {
  const set = new Set<string>();
  eachSetField(anOrder(), Order, (field) => set.add(`${field.parent.name}.${field.name}`));
  assert.deepEqual([...set].toSorted(), [
    "Customer.fax",
    "Customer.name",
    "Line.count",
    "Line.sku",
    "Order.at",
    "Order.blob",
    "Order.by_name",
    "Order.customer",
    "Order.id",
    "Order.invoice",
    "Order.lines",
    "Order.total",
  ]);
});
