/**
 * What the customers of the shop see of it, under one address: their orders, and what there is to order. The contract says
 * where that stands in HTTP, and OpenAPI tells it to those who have no contract.
 */
import { readFile } from "node:fs/promises";
import type { Implementation, OpenApiOptions } from "heddle";
import { type OrderDependencies, orderService } from "./order-service.ts";
import { stockService } from "./stock-service.ts";

export function shopFront(dependencies: OrderDependencies): Implementation[] {
  return [orderService(dependencies), stockService(dependencies)];
}

/** With the comments of the contract, which generated code leaves out. */
export async function shopDocument(): Promise<OpenApiOptions> {
  const image = await readFile(new URL("gen/contract.binpb", import.meta.url));
  return { title: "The shop", image };
}
