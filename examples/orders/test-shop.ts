/** For tests: the three services that orders rely on, each on a server in memory, with databases in a fresh folder. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createMesh, createServer, type Implementation, type Mesh } from "heddle";
import type { Database } from "./src/database.ts";
import { InventoryService } from "./src/gen/shop/v1/inventory_pb.ts";
import { NotificationService } from "./src/gen/shop/v1/notification_pb.ts";
import { OrderService } from "./src/gen/shop/v1/order_pb.ts";
import { PaymentService } from "./src/gen/shop/v1/payment_pb.ts";
import { inventoryService, openInventory } from "./src/inventory-service.ts";
import { notificationService, openNotifications } from "./src/notification-service.ts";
import { openOrders, type OrderDependencies, orderService } from "./src/order-service.ts";
import { openPayments, paymentService } from "./src/payment-service.ts";
import { shopDocument, shopFront } from "./src/shop-front.ts";

export interface TestShop extends AsyncDisposable {
  readonly folder: string;
  readonly inventory: Client<typeof InventoryService>;
  readonly payments: Client<typeof PaymentService>;
  readonly notifications: Client<typeof NotificationService>;
  /** A further order instance for those who call by HTTP: the URL of what customers see. */
  startFront(): Promise<string>;
  /** A client of a further order instance, whose own clients may be replaced. */
  startOrders(replaced?: Partial<OrderDependencies>): Promise<Client<typeof OrderService>>;
}

let shops = 0;

export async function startTestShop(): Promise<TestShop> {
  const stack = new AsyncDisposableStack();
  const name = `shop-${process.pid}-${++shops}`;
  const folder = await mkdtemp(join(tmpdir(), "heddle-shop-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  let servers = 0;

  /** A server in memory, and the target under which it is called. */
  async function serve(database: Database, implementation: Implementation): Promise<string> {
    stack.use(database);
    const { address } = stack.use(
      await createServer({ services: [implementation], listen: `memory:${name}-${++servers}` }),
    );
    return `static:///${address}`;
  }

  const inventoryDatabase = openInventory(folder);
  const paymentDatabase = openPayments(folder);
  const notificationDatabase = openNotifications(folder);
  const targets = {
    inventory: await serve(inventoryDatabase, inventoryService(inventoryDatabase)),
    payment: await serve(paymentDatabase, paymentService(paymentDatabase)),
    notification: await serve(notificationDatabase, notificationService(notificationDatabase)),
  };
  const mesh: Mesh = stack.use(await createMesh({ service: "test", registry: false }));
  const clients = {
    inventory: mesh.client(InventoryService, { target: targets.inventory }),
    payments: mesh.client(PaymentService, { target: targets.payment }),
    notifications: mesh.client(NotificationService, { target: targets.notification }),
  };
  return {
    folder,
    ...clients,
    async startOrders(replaced = {}) {
      const database = openOrders(folder);
      const target = await serve(database, orderService({ database, ...clients, ...replaced }));
      // One attempt: these tests send again themselves.
      return mesh.client(OrderService, { target, maxAttempts: 1 });
    },
    async startFront() {
      const services = shopFront({ database: stack.use(openOrders(folder)), ...clients });
      const { address } = stack.use(await createServer({ services, openapi: await shopDocument() }));
      return `http://${address}`;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}
