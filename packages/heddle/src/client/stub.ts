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
import { invokeUnary } from "./invoke.ts";
import type { UnaryCaller } from "./unary-call.ts";

export function createStub<Service extends DescService>(service: Service, channel: Channel): Client<Service> {
  const client = createClient(service, channelTransport(channel)) as Record<string, unknown>;
  if (channel.options.interceptors.length > 0) return client as Client<Service>;
  for (const desc of service.methods) {
    if (desc.methodKind !== "unary") continue;
    const method = methodOf(desc);
    client[desc.localName] = (request: MessageInitShape<DescMessage>, options?: CallOptions): Promise<Message> =>
      new Promise<Message>((resolve, reject) => {
        invokeUnary(channel, method, request, options, { resolve, reject, answer: answerFor(options) });
      });
  }
  return client as Client<Service>;
}

/** What the call resolves with: the message, once those who asked for headers and trailers have them. */
function answerFor(options: CallOptions | undefined): UnaryCaller["answer"] {
  if (options?.onHeader === undefined && options?.onTrailer === undefined) return undefined;
  return (call, response) => {
    options.onHeader?.(toHeaders(call.head?.fields ?? []));
    options.onTrailer?.(toHeaders(call.trailers?.fields ?? []));
    return response;
  };
}
