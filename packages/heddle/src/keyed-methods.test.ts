/** Methods whose contract names the key: what callers and servers do about it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, createFileRegistry, setExtension } from "@bufbuild/protobuf";
import type { GenService } from "@bufbuild/protobuf/codegenv2";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type FieldOptions,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createTransport } from "./client/transport.ts";
import { methodOf } from "./contract/method.ts";
import {
  file_heddle_options_v1_idempotency,
  idempotency_key,
} from "./gen/heddle/options/v1/idempotency_pb.ts";
import { implement } from "./server/implement.ts";
import { createServer } from "./server/server.ts";
import { createMemoryIdempotencyStore } from "./server/idempotency/memory-store.ts";
import { idempotencyKeyOf } from "./server/idempotency/once.ts";

function marked(): FieldOptions {
  const options = create(FieldOptionsSchema);
  setExtension(options, idempotency_key, true);
  return options;
}

const string = { type: FieldDescriptorProto_Type.STRING, label: FieldDescriptorProto_Label.OPTIONAL };
const order = { inputType: ".heddle.unit.Order", outputType: ".heddle.unit.Order" };
const file = create(FileDescriptorProtoSchema, {
  name: "orders.proto",
  package: "heddle.unit",
  syntax: "proto3",
  dependency: ["heddle/options/v1/idempotency.proto"],
  messageType: [
    {
      name: "Order",
      field: [
        { name: "request_id", jsonName: "requestId", number: 1, ...string, options: marked() },
        { name: "item", jsonName: "item", number: 2, ...string },
      ],
    },
  ],
  service: [{ name: "Orders", method: [{ name: "Place", ...order }] }],
});
const registry = createFileRegistry(file, () => file_heddle_options_v1_idempotency);
const schema = registry.getMessage("heddle.unit.Order");
assert.ok(schema);
type Order = { requestId?: string; item?: string };
const Orders = registry.getService("heddle.unit.Orders") as unknown as GenService<{
  place: { methodKind: "unary"; input: typeof schema; output: typeof schema };
}>;

let names = 0;
type Place = (order: Order, key: string | undefined) => Order;

async function withOrders(place: Place, body: (call: (order: Order) => Promise<Order>) => Promise<void>) {
  const listen = `memory:keyed-${names++}`;
  await using _ = await createServer({
    services: [
      implement(Orders, {
        place: (request, context) => place(request as Order, idempotencyKeyOf(context)) as never,
      }),
    ],
    listen,
    idempotency: { store: createMemoryIdempotencyStore() },
  });
  await using transport = createTransport({ target: listen });
  const client = createClient(Orders, transport);
  await body(async (request) => (await client.place(request as never)) as Order);
}

test("a request with a marked field makes its method one that may be repeated", () => {
  assert.equal(methodOf(Orders.method.place).idempotent, true);
  assert.equal(methodOf(Orders.method.place).keyField?.name, "request_id");
});

test("what stands in the field is the key", async () => {
  let count = 0;
  await withOrders(
    (_order, key) => {
      assert.equal(key, undefined, "the client makes no second one");
      return { item: String(++count) };
    },
    async (call) => {
      assert.equal((await call({ requestId: "a", item: "tea" })).item, "1");
      assert.equal((await call({ requestId: "a", item: "tea" })).item, "1");
      assert.equal((await call({ requestId: "b", item: "tea" })).item, "2");
      await assert.rejects(call({ requestId: "a", item: "coffee" }), { code: Code.InvalidArgument });
    },
  );
});

test("where it is empty the client makes a key for each call, and keeps it over the attempts", async () => {
  const keys: (string | undefined)[] = [];
  await withOrders(
    (_order, key) => {
      keys.push(key);
      if (keys.length === 1) throw new ConnectError("not now", Code.Unavailable);
      return {};
    },
    async (call) => {
      await call({});
      await call({});
    },
  );
  assert.equal(keys.length, 3);
  assert.match(keys[0] ?? "", /^[0-9a-f-]{36}$/);
  assert.equal(keys[1], keys[0]);
  assert.notEqual(keys[2], keys[0]);
});

test("a server without a store does not serve such a method: it would run twice in silence", async () => {
  const services = [implement(Orders, { place: () => ({}) as never })];
  await assert.rejects(createServer({ services, listen: "memory:keyed-never" }), {
    reason: "optionInvalid",
    message: /heddle\.unit\.Orders\/Place has an idempotency key/,
  });
});
