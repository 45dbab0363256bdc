/**
 * A channel as a Connect `Transport`: any Connect client works on it, interceptors included.
 *
 * Headers and trailers are made only when somebody looks at them, and the signal and deadline plumbing that
 * interceptors need only when there are interceptors.
 */
import type {
  DescMessage,
  DescMethod,
  DescMethodStreaming,
  DescMethodUnary,
  DescService,
  Message,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import {
  type ContextValues,
  createContextValues,
  type StreamResponse,
  type Transport,
  type UnaryResponse,
} from "@connectrpc/connect";
import { runStreamingCall, runUnaryCall } from "@connectrpc/connect/protocol";
import { isHeddleError } from "../call/errors.ts";
import { toHeaders } from "../call/metadata.ts";
import type { HeaderBlock } from "../wire/hpack/header-block.ts";
import type { ClientCall } from "./call.ts";
import type { Channel } from "./channel.ts";
import { invokeStreaming, invokeUnary } from "./invoke.ts";
import type { StreamingCall } from "./streaming-call.ts";
import type { UnaryCall, UnaryCaller } from "./unary-call.ts";

export function channelTransport(channel: Channel): Transport {
  const interceptors = [...channel.options.interceptors];
  return {
    unary(method, signal, timeoutMs, header, input, contextValues) {
      if (interceptors.length === 0)
        return unary(channel, method, { signal, timeoutMs, headers: header }, input);
      const timeout = effectiveTimeout(channel, method, timeoutMs);
      const ended = new EndedBySignal();
      return runUnaryCall({
        interceptors,
        ...(signal === undefined ? {} : { signal }),
        ...(timeout === undefined ? {} : { timeoutMs: timeout }),
        req: {
          ...requestParts(channel, method, header, contextValues),
          stream: false,
          method,
          message: input,
        },
        next: async (req) =>
          plainUnary(
            await unary(
              channel,
              method,
              { signal: req.signal, timeoutMs: timeout ?? 0, headers: req.header },
              req.message as MessageInitShape<typeof method.input>,
            ).catch((error: unknown) => {
              ended.keep(error, req.signal);
              throw error;
            }),
          ),
      }).catch(ended.rethrow);
    },
    stream(method, signal, timeoutMs, header, input, contextValues) {
      if (interceptors.length === 0)
        return stream(channel, method, { signal, timeoutMs, headers: header }, input);
      const timeout = effectiveTimeout(channel, method, timeoutMs);
      const ended = new EndedBySignal();
      return runStreamingCall({
        interceptors,
        ...(signal === undefined ? {} : { signal }),
        ...(timeout === undefined ? {} : { timeoutMs: timeout }),
        req: {
          ...requestParts(channel, method, header, contextValues),
          stream: true,
          method,
          message: input,
        },
        next: async (req) => {
          const init = { signal: req.signal, timeoutMs: timeout ?? 0, headers: req.header };
          const call = invokeStreaming(channel, method, req.message, init);
          const keep = () => ended.keep(call.error, req.signal);
          keep();
          req.signal.addEventListener("abort", keep);
          await call.started;
          return plainStream(new StreamAnswer(method, call, messagesOf<typeof method.output>(call)));
        },
      }).then((answer) => ({ ...answer, message: ended.during(answer.message) }), ended.rethrow);
    },
  };
}

/**
 * Connect puts the reason of an aborted signal in the place of the error that our call ended with, and so would
 * lose its code and its record. This keeps the error, and puts it back.
 */
class EndedBySignal {
  #error: unknown;

  /** Keeps the error of our call if it is the signal that ended it. Of any other an interceptor may make its own. */
  keep(error: unknown, signal: AbortSignal): void {
    if (signal.aborted && isHeddleError(error) && error.cause === signal.reason) this.#error = error;
  }

  /** For the rejection of Connect's. */
  readonly rethrow = (error: unknown): never => {
    throw this.#error ?? error;
  };

  /** Messages whose failure goes through `rethrow`. Like Connect's own, they cannot be left by `return`. */
  during<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
    return {
      [Symbol.asyncIterator]: () => {
        const iterator = messages[Symbol.asyncIterator]();
        return { next: () => iterator.next().catch(this.rethrow) };
      },
    };
  }
}

interface CallInit {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
  readonly headers: HeadersInit | undefined;
}

function unary<I extends DescMessage, O extends DescMessage>(
  channel: Channel,
  method: DescMethodUnary<I, O>,
  init: CallInit,
  input: MessageInitShape<I>,
): Promise<UnaryResponse<I, O>> {
  return new Promise((resolve, reject) => {
    const answer = (call: UnaryCall, response: Message) =>
      new UnaryAnswer<I, O>(method, call, response as MessageShape<O>);
    invokeUnary(channel, channel.methodOf(method), input, init, {
      resolve: resolve as UnaryCaller["resolve"],
      reject,
      answer,
    });
  });
}

async function stream<I extends DescMessage, O extends DescMessage>(
  channel: Channel,
  method: DescMethodStreaming<I, O>,
  init: CallInit,
  input: AsyncIterable<MessageInitShape<I>>,
): Promise<StreamResponse<I, O>> {
  const call = invokeStreaming(channel, method, input, init);
  await call.started;
  return new StreamAnswer<I, O>(method, call, messagesOf<O>(call));
}

function messagesOf<O extends DescMessage>(call: StreamingCall): AsyncIterable<MessageShape<O>> {
  return call.messages() as AsyncIterable<MessageShape<O>>;
}

/** Header and trailer as `Headers`, made on demand. */
abstract class Answer {
  readonly #call: ClientCall;
  #header: Headers | undefined;
  #trailer: Headers | undefined;

  constructor(call: ClientCall) {
    this.#call = call;
  }

  get header(): Headers {
    this.#header ??= fieldsOf(this.#call.head);
    return this.#header;
  }

  /** Complete only when the answer has been read to its end: before that it is not kept. */
  get trailer(): Headers {
    if (this.#trailer !== undefined) return this.#trailer;
    const trailer = fieldsOf(this.#call.trailers);
    if (this.#call.trailers !== undefined) this.#trailer = trailer;
    return trailer;
  }
}

class UnaryAnswer<I extends DescMessage, O extends DescMessage>
  extends Answer
  implements UnaryResponse<I, O>
{
  readonly stream = false;
  readonly method: DescMethodUnary<I, O>;
  readonly service: DescService;
  readonly message: MessageShape<O>;

  constructor(method: DescMethodUnary<I, O>, call: ClientCall, message: MessageShape<O>) {
    super(call);
    this.method = method;
    this.service = method.parent;
    this.message = message;
  }
}

class StreamAnswer<I extends DescMessage, O extends DescMessage>
  extends Answer
  implements StreamResponse<I, O>
{
  readonly stream = true;
  readonly method: DescMethodStreaming<I, O>;
  readonly service: DescService;
  readonly message: AsyncIterable<MessageShape<O>>;

  constructor(method: DescMethodStreaming<I, O>, call: ClientCall, message: AsyncIterable<MessageShape<O>>) {
    super(call);
    this.method = method;
    this.service = method.parent;
    this.message = message;
  }
}

// Interceptors, and Connect's own code around them, copy answers with `{ ...response }`, which knows only properties
// of the object itself. So they get plain objects; the trailers of a stream are filled in at its end.

function plainUnary<I extends DescMessage, O extends DescMessage>({
  method,
  service,
  message,
  header,
  trailer,
}: UnaryResponse<I, O>): UnaryResponse<I, O> {
  return { stream: false, method, service, message, header, trailer };
}

function plainStream<I extends DescMessage, O extends DescMessage>(
  answer: StreamResponse<I, O>,
): StreamResponse<I, O> {
  const { method, service, header } = answer;
  const trailer = new Headers();
  async function* message(): AsyncGenerator<MessageShape<O>, void, undefined> {
    yield* answer.message;
    answer.trailer.forEach((value, name) => trailer.append(name, value));
  }
  return { stream: true, method, service, header, trailer, message: message() };
}

function fieldsOf(block: HeaderBlock | undefined): Headers {
  return block === undefined ? new Headers() : toHeaders(block.fields);
}

function requestParts(
  channel: Channel,
  method: { readonly parent: DescService; readonly name: string },
  header: HeadersInit | undefined,
  contextValues: ContextValues | undefined,
) {
  return {
    requestMethod: "POST",
    url: `${channel.target.text}/${method.parent.typeName}/${method.name}`,
    service: method.parent,
    header: new Headers(header),
    contextValues: contextValues ?? createContextValues(),
  };
}

/** The timeout that interceptors' signals keep too; undefined for none. */
function effectiveTimeout(
  channel: Channel,
  method: DescMethod,
  timeoutMs: number | undefined,
): number | undefined {
  const effective = timeoutMs ?? channel.policyOf(channel.methodOf(method)).timeoutMs;
  return effective <= 0 || effective === Number.POSITIVE_INFINITY ? undefined : effective;
}
