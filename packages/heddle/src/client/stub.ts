/**
 * The typed client of a service: one function a method, exactly Connect's `Client` type.
 *
 * A unary method without interceptors takes the fast path; a stream ends when its reader leaves; everything else
 * goes through Connect's own client over the channel's transport, so that semantics are Connect's by construction.
 */
import type {
  DescMessage,
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodServerStreaming,
  DescService,
  Message,
  MessageInitShape,
} from "@bufbuild/protobuf";
import {
  type CallOptions,
  type Client,
  createClient,
  type StreamResponse,
  type Transport,
} from "@connectrpc/connect";
import { toHeaders } from "../call/metadata.ts";
import type { Channel } from "./channel.ts";
import { channelTransport } from "./channel-transport.ts";
import { invokeStreaming, invokeUnary } from "./invoke.ts";
import type { UnaryCaller } from "./unary-call.ts";

export function createStub<Service extends DescService>(service: Service, channel: Channel): Client<Service> {
  channel.expect(service);
  const transport = channelTransport(channel);
  const client = createClient(service, transport) as Record<string, unknown>;
  for (const method of service.methods) {
    if (method.methodKind === "server_streaming") {
      client[method.localName] = (request: MessageInitShape<DescMessage>, options?: CallOptions) =>
        answers(channel, transport, method as DescMethodServerStreaming, once(request), options);
    } else if (method.methodKind === "bidi_streaming") {
      client[method.localName] = (requests: MessageStream, options?: CallOptions) =>
        answers(channel, transport, method as DescMethodBiDiStreaming, requests, options);
    }
  }
  if (channel.options.interceptors.length > 0) return client as Client<Service>;
  for (const desc of service.methods) {
    if (desc.methodKind !== "unary") continue;
    const method = channel.methodOf(desc);
    const uses = channel.usesOf(method);
    client[desc.localName] = (
      request: MessageInitShape<DescMessage>,
      options?: CallOptions,
    ): Promise<Message> =>
      new Promise<Message>((resolve, reject) => {
        const caller = { resolve, reject, answer: answerFor(options) };
        invokeUnary(channel, method, request, options, caller, uses);
      });
  }
  return client as Client<Service>;
}

type MessageStream = AsyncIterable<MessageInitShape<DescMessage>>;

/**
 * The answers of a stream. As in Connect the call starts at once; unlike there, leaving the loop early ends it, for
 * Connect's client hides the iterator's `return` from the caller's loop.
 */
function answers(
  channel: Channel,
  transport: Transport,
  method: DescMethodServerStreaming | DescMethodBiDiStreaming,
  requests: MessageStream,
  options: CallOptions | undefined,
): AsyncIterable<Message> {
  if (channel.options.interceptors.length === 0 && answerFor(options) === undefined)
    return plainAnswers(channel, method, requests, options);
  // Interceptors' plumbing, too, hides the iterator's `return`: a signal gets through.
  const leaving = new AbortController();
  const signal =
    options?.signal === undefined ? leaving.signal : AbortSignal.any([options.signal, leaving.signal]);
  const opening = transport.stream(
    method,
    signal,
    options?.timeoutMs,
    options?.headers,
    requests,
    options?.contextValues,
  );
  // The loop over the answers reports it; a caller who never loops has not asked.
  opening.catch(() => {});
  return read(opening, options, leaving);
}

/** Without interceptors or callbacks nothing stands between the caller's loop and the call. */
function plainAnswers(
  channel: Channel,
  method: DescMethod,
  requests: MessageStream,
  options: CallOptions | undefined,
): AsyncIterable<Message> {
  try {
    return invokeStreaming(channel, method, requests, options).messages();
  } catch (error) {
    return failing(error);
  }
}

/** As everywhere in Connect, who asks for answers hears in its loop that it asked for the impossible. */
// oxlint-disable-next-line require-yield -- it has none
async function* failing(error: unknown): AsyncGenerator<never, void, undefined> {
  throw error;
}

async function* read(
  opening: Promise<StreamResponse>,
  options: CallOptions | undefined,
  leaving: AbortController,
): AsyncGenerator<Message, void, undefined> {
  let messages: AsyncIterator<Message> | undefined;
  try {
    const response = await opening;
    options?.onHeader?.(response.header);
    messages = response.message[Symbol.asyncIterator]();
    for (let next = await messages.next(); next.done !== true; next = await messages.next()) yield next.value;
    options?.onTrailer?.(response.trailer);
  } finally {
    leaving.abort(new Error("the caller left its loop over the answer"));
    // Asked once more, interceptors' plumbing sees that it is over and puts its timer away.
    messages?.next().catch(() => {});
  }
}

async function* once<T>(message: T): AsyncGenerator<T, void, undefined> {
  yield message;
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
