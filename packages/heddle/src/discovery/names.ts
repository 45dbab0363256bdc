/**
 * The names under which others find an instance: its service and each of its contracts. Every registry makes an
 * instance findable under all of them, because a client that has nothing but a contract asks for that.
 */
import type { Endpoint } from "./endpoint.ts";

/** Each name once, the service first: "orders", "shop.v1.OrderService". */
export function namesOf(instance: Pick<Endpoint, "service" | "contracts">): readonly string[] {
  return [...new Set([instance.service, ...instance.contracts])].filter((name) => name !== "");
}
