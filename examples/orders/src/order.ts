/**
 * The process that customers talk to: their orders, and what there is to order. Run it as often as you like: instances
 * share their database file.
 */
import { createMesh } from "heddle";
import { createCallTally } from "./call-tally.ts";
import { followStarter } from "./follow-starter.ts";
import { InventoryService } from "./gen/shop/v1/inventory_pb.ts";
import { NotificationService } from "./gen/shop/v1/notification_pb.ts";
import { PaymentService } from "./gen/shop/v1/payment_pb.ts";
import { openOrders } from "./order-service.ts";
import { shopDocument, shopFront } from "./shop-front.ts";

const { tally, observe } = createCallTally();
const mesh = await createMesh({ service: "order", client: { observe } });
const services = shopFront({
  database: openOrders(),
  inventory: mesh.client(InventoryService),
  payments: mesh.client(PaymentService),
  notifications: mesh.client(NotificationService),
});
const server = await mesh.serve(services, { openapi: await shopDocument() });
await followStarter(mesh, server, tally);
