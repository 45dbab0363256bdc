/**
 * What the call path needs to know of a method, worked out once from its descriptor: the path on the wire,
 * whether it may be repeated, and how its messages become bytes and back.
 */
import type { DescField, DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { type Codec, codecOf } from "./codec/codec.ts";
import { keyFieldOf } from "./idempotency-key.ts";

/** How messages are written as bytes. Users know it as `codec`. */
export type MessageForm = "proto" | "json";

export interface Method {
  readonly desc: DescMethod;
  /** `/shop.v1.OrderService/PlaceOrder` */
  readonly path: string;
  /** `shop.v1.OrderService/PlaceOrder` */
  readonly name: string;
  /**
   * True when the contract says NO_SIDE_EFFECTS or IDEMPOTENT, or when requests have an idempotency key: repeating a
   * call does no harm.
   */
  readonly idempotent: boolean;
  /** The field of the request that is its idempotency key, if the contract names one. */
  readonly keyField: DescField | undefined;
  /** What the codecs write. */
  readonly form: MessageForm;
  readonly input: Codec;
  readonly output: Codec;
}

/** The method of a descriptor; the same object for the same descriptor. */
export function methodOf(desc: DescMethod): Method {
  let method = methods.get(desc);
  if (method === undefined) {
    const name = `${desc.parent.typeName}/${desc.name}`;
    const keyField = keyFieldOf(desc);
    method = {
      desc,
      name,
      path: `/${name}`,
      idempotent:
        keyField !== undefined ||
        desc.idempotency === Idempotency.NO_SIDE_EFFECTS ||
        desc.idempotency === Idempotency.IDEMPOTENT,
      keyField,
      form: "proto",
      input: codecOf(desc.input),
      output: codecOf(desc.output),
    };
    methods.set(desc, method);
  }
  return method;
}

const methods = new WeakMap<DescMethod, Method>();
