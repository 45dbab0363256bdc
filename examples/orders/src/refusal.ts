/**
 * Why an order was refused, from the error that the caller got. These are answers of the shop, not failures: they
 * travel as messages of the contract in the error's details.
 */
import { Code, ConnectError } from "heddle";
import { type OutOfStock, OutOfStockSchema } from "./gen/shop/v1/inventory_pb.ts";
import { type PaymentDeclined, PaymentDeclinedSchema } from "./gen/shop/v1/payment_pb.ts";

export type Refusal =
  | { readonly kind: "out of stock"; readonly detail: OutOfStock }
  | { readonly kind: "declined"; readonly detail: PaymentDeclined };

/** Undefined when the error is something else. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof ConnectError) || error.code !== Code.FailedPrecondition) return undefined;
  const [outOfStock] = error.findDetails(OutOfStockSchema);
  if (outOfStock !== undefined) return { kind: "out of stock", detail: outOfStock };
  const [declined] = error.findDetails(PaymentDeclinedSchema);
  if (declined !== undefined) return { kind: "declined", detail: declined };
  return undefined;
}
