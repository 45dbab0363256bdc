/**
 * Why an order was refused, from the error that the caller got. These are answers of the shop, not failures: the contract
 * declares them, and which one it is stands in `$typeName`.
 */
import { errorsOf } from "heddle";
import { OutOfStockSchema } from "./gen/shop/v1/inventory_pb.ts";
import { OrderService } from "./gen/shop/v1/order_pb.ts";
import { PaymentDeclinedSchema } from "./gen/shop/v1/payment_pb.ts";

const placeOrderErrors = errorsOf(OrderService.method.placeOrder, [OutOfStockSchema, PaymentDeclinedSchema]);

/** Undefined when the error is something else. */
export const refusalOf = placeOrderErrors.detailOf;
