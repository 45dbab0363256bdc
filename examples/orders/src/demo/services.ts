/** The services of the order system, and how the demo names their instances. */
import { InventoryService } from "../gen/shop/v1/inventory_pb.ts";
import { NotificationService } from "../gen/shop/v1/notification_pb.ts";
import { OrderService } from "../gen/shop/v1/order_pb.ts";
import { PaymentService } from "../gen/shop/v1/payment_pb.ts";

/** In the order in which they end: callers before those whom they call. */
export const SERVICES = ["order", "inventory", "payment", "notification"] as const;

export type ServiceName = (typeof SERVICES)[number];

const CONTRACTS: Readonly<Record<ServiceName, string>> = {
  order: OrderService.typeName,
  inventory: InventoryService.typeName,
  payment: PaymentService.typeName,
  notification: NotificationService.typeName,
};

export interface RunningInstance {
  /** Such as `order-1`. */
  readonly name: string;
  readonly service: ServiceName;
  /** Full name of the Protobuf service, by which callers look for it. */
  readonly contract: string;
  /** `host:port`. */
  readonly address: string;
}

/** The instance of a name such as `order-1`. */
export function instanceAt(name: string, address: string): RunningInstance {
  const service = serviceOf(name);
  return { name, service, contract: CONTRACTS[service], address };
}

/** Throws for a name that is none of an instance. */
export function serviceOf(instance: string): ServiceName {
  const service = SERVICES.find((service) => instance.startsWith(`${service}-`));
  if (service === undefined) throw new Error(`${instance} is no instance of the order system`);
  return service;
}
