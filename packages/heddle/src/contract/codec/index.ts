/**
 * `heddle/codec`: the codecs that calls run on, for messages that travel some other way: a queue, a file, a cache.
 * Semantics and messages are those of protobuf-es, so that the two can be mixed; the speed is not.
 *
 * ```ts
 * const orders = codecOf(OrderSchema);
 * const bytes = orders.encode({ orderId: "order-1" });
 * const order = orders.decode(bytes);
 * ```
 */
export type { ByteSink } from "./byte-sink.ts";
export { type Codec, codecOf } from "./codec.ts";
