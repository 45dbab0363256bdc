/**
 * The process that customers talk to: their orders, and what there is to order. Run it as often as you like: instances
 * share their database file.
 */
import { readFile } from "node:fs/promises";
import { createMesh } from "heddle";
import { createCallTally } from "./call-tally.ts";
import { followStarter } from "./follow-starter.ts";
import { InventoryService } from "./gen/shop/v1/inventory_pb.ts";
import { NotificationService } from "./gen/shop/v1/notification_pb.ts";
import { PaymentService } from "./gen/shop/v1/payment_pb.ts";
import { openOrders, orderService } from "./order-service.ts";
import { stockService } from "./stock-service.ts";

const { tally, observe } = createCallTally();
const mesh = await createMesh({ service: "order", client: { observe } });
const inventory = mesh.client(InventoryService);
const services = [
  orderService({
    database: openOrders(),
    inventory,
    payments: mesh.client(PaymentService),
    notifications: mesh.client(NotificationService),
  }),
  stockService({ inventory }),
];
// The contract with its comments, which generated code leaves out.
const image = await readFile(new URL("gen/contract.binpb", import.meta.url));
const server = await mesh.serve(services, { openapi: { title: "The shop", image } });
await followStarter(mesh, server, tally);
