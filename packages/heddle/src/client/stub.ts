/**
 * The typed client of a service: one function a method, exactly Connect's `Client` type.
 *
 * A unary method without interceptors takes the fast path; everything else goes through Connect's own client
 * over the channel's transport, so that semantics are Connect's by construction.
 */
import type { DescMessage, DescService, Message, MessageInitShape } from "@bufbuild/protobuf";
import { type CallOptions, type Client, createClient } from "@connectrpc/connect";
import { toHeaders } from "../call/metadata.ts";
import { methodOf } from "../contract/method.ts";
import type { Channel } from "./channel.ts";
import { channelTransport } from "./channel-transport.ts";
import { errorOf, invokeUnary } from "./invoke.ts";
import type { UnaryCall } from "./unary-call.ts";

export function createStub<Service extends DescService>(service: Service, channel: Channel): Client<Service> {
  const client = createClient(service, channelTransport(channel)) as Record<string, unknown>;
  if (channel.options.interceptors.length > 0) return client as Client<Service>;
  for (const desc of service.methods) {
    if (desc.methodKind !== "unary") continue;
    const method = methodOf(desc);
    client[desc.localName] = (request: MessageInitShape<DescMessage>, options?: CallOptions): Promise<Message> =>
      new Promise((resolve, reject) => {
        invokeUnary(channel, method, request, options, (call) => {
          if (options !== undefined) tellHeaders(call, options);
          if (call.response === undefined) reject(errorOf(call));
          else resolve(call.response);
        });
      });
  }
  return client as Client<Service>;
}

function tellHeaders(call: UnaryCall, { onHeader, onTrailer }: CallOptions): void {
  if (onHeader !== undefined && call.head !== undefined) onHeader(toHeaders(call.head.fields));
  if (onTrailer !== undefined && call.response !== undefined) onTrailer(toHeaders(call.trailers?.fields ?? []));
}
