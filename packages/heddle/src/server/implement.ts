/**
 * Binds a service to its implementation, in Connect's vocabulary.
 */
import type { DescMethod, DescService, Message } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";

/** What answers a method, of whatever kind: a message or a stream of them in, a message or a stream of them out. */
export type MethodFunction = (
  input: Message | AsyncIterable<Message>,
  context: HandlerContext,
) => Message | PromiseLike<Message> | AsyncIterable<Message>;

/** A service with the functions that answer its methods. */
export interface Implementation {
  readonly service: DescService;
  /** The handler of a method; undefined for one that is not implemented. */
  handler(method: DescMethod): MethodFunction | undefined;
}

/**
 * `implement(OrderService, { async placeOrder(request, context) { … } })`. Methods that are left out answer
 * UNIMPLEMENTED. `this` inside a handler is the object given here.
 */
export function implement<Service extends DescService>(
  service: Service,
  handlers: Partial<ServiceImpl<Service>>,
): Implementation {
  return {
    service,
    handler(method) {
      const handler: unknown = (handlers as Record<string, unknown>)[method.localName];
      return typeof handler === "function" ? (handler.bind(handlers) as MethodFunction) : undefined;
    },
  };
}
