/**
 * `npm run order -- --registry host:port --sku mug --quantity 2`: places one order and says what became of it.
 * Exit codes: 0 placed, 1 refused or failed, 2 wrong usage.
 */
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { type CallRecord, ConnectError, createMesh } from "heddle";
import { dollars, milliseconds } from "./src/demo/format.ts";
import { OrderService } from "./src/gen/shop/v1/order_pb.ts";
import { refusalOf } from "./src/refusal.ts";

const { values } = parseArgs({
  options: {
    registry: { type: "string", default: process.env["HEDDLE_REGISTRY"] ?? "127.0.0.1:4747" },
    sku: { type: "string", default: "mug" },
    quantity: { type: "string", default: "1" },
    card: { type: "string", default: "4000 0000 0000 4242" },
  },
});
const { registry, sku, card } = values;
const quantity = Number(values.quantity);
if (!Number.isInteger(quantity) || quantity < 1) {
  console.error(`--quantity must be a whole number of 1 or more, not "${values.quantity}"`);
  process.exit(2);
}

let record: CallRecord | undefined;
const observe = (ended: CallRecord) => {
  record = ended;
};
await using mesh = await createMesh({
  service: "customer",
  registry,
  stateFolder: false,
  client: { observe },
});
try {
  const { order } = await mesh
    .client(OrderService)
    .placeOrder({ orderId: randomUUID(), sku, quantity, card });
  console.log(`placed order ${order?.id}: ${quantity} ${sku} for ${dollars(order?.totalCents ?? 0n)}`);
} catch (error) {
  const refusal = refusalOf(error);
  if (refusal?.$typeName === "shop.v1.OutOfStock")
    console.error(`out of stock: ${refusal.available} ${sku} left`);
  else if (refusal?.$typeName === "shop.v1.PaymentDeclined") console.error(`declined: ${refusal.reason}`);
  else console.error(`failed: ${ConnectError.from(error).message}`);
  process.exitCode = 1;
}
const instance = record?.attempts.at(-1)?.instance;
if (instance) console.error(`answered by ${instance} in ${milliseconds(record?.elapsedMs ?? 0)}`);
