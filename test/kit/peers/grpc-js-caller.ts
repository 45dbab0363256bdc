/** grpc-js's client as a Connect `Transport`. */
import {
  create,
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { StreamResponse, Transport, UnaryResponse } from "@connectrpc/connect";
import {
  type CallOptions,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  credentials,
  type Metadata,
  type ServiceError,
  type StatusObject,
} from "@grpc/grpc-js";
import { toConnectError, toDefinition, toHeaders, toMetadata } from "./grpc-js-words.ts";
import type { EventEmitter } from "node:events";
import type { Compression, LinkTls, StartCaller } from "./peer.ts";

const ALGORITHMS: Readonly<Partial<Record<Compression, number>>> = { deflate: 1, gzip: 2 };

export const grpcJsCaller: StartCaller = (
  address,
  { maxMessageBytes, maxAnswerBytes = maxMessageBytes, compression, tls },
) => {
  const client = new Client(address, credentialsOf(tls), {
    ...(maxAnswerBytes === undefined ? {} : { "grpc.max_receive_message_length": maxAnswerBytes }),
    "grpc.max_send_message_length": -1,
    ...(compression === undefined ? {} : { "grpc.default_compression_algorithm": ALGORITHMS[compression] }),
  });
  return { transport: new GrpcJsTransport(client), [Symbol.dispose]: () => client.close() };
};

function credentialsOf(tls: LinkTls | undefined) {
  if (tls === undefined) return credentials.createInsecure();
  const { ca, client } = tls;
  return client === undefined
    ? credentials.createSsl(Buffer.from(ca))
    : credentials.createSsl(Buffer.from(ca), Buffer.from(client.key), Buffer.from(client.cert));
}

class GrpcJsTransport implements Transport {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeadersInit | undefined,
    input: MessageInitShape<I>,
  ): Promise<UnaryResponse<I, O>> {
    const { path, requestSerialize, responseDeserialize } = toDefinition(method);
    const answer = new OneAnswer();
    const call = this.#client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      create(method.input, input),
      toMetadata(new Headers(header)),
      optionsOf(timeoutMs),
      answer.callback,
    );
    const ends = watch(call, signal);
    const message = (await answer.promise) as MessageShape<O>;
    await ends.ended;
    return {
      stream: false,
      service: method.parent,
      method,
      message,
      header: ends.header,
      trailer: ends.trailer,
    };
  }

  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeadersInit | undefined,
    input: AsyncIterable<MessageInitShape<I>>,
  ): Promise<StreamResponse<I, O>> {
    const { path, requestSerialize, responseDeserialize } = toDefinition(method);
    const metadata = toMetadata(new Headers(header));
    const options = optionsOf(timeoutMs);
    const common = { stream: true as const, service: method.parent, method };
    if (method.methodKind === "client_streaming") {
      const answer = new OneAnswer();
      const call = this.#client.makeClientStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        metadata,
        options,
        answer.callback,
      );
      const ends = watch(call, signal);
      pump(call, method.input, input);
      const message = (await answer.promise) as MessageShape<O>;
      await ends.ended;
      return { ...common, header: ends.header, trailer: ends.trailer, message: once(message) };
    }
    let call: ClientReadableStream<Message> | ClientDuplexStream<Message, Message>;
    if (method.methodKind === "bidi_streaming") {
      call = this.#client.makeBidiStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        metadata,
        options,
      );
      pump(call as ClientDuplexStream<Message, Message>, method.input, input);
    } else {
      const request = await first(input);
      call = this.#client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        create(method.input, request),
        metadata,
        options,
      );
    }
    const ends = watch(call, signal);
    await ends.begun;
    return {
      ...common,
      header: ends.header,
      trailer: ends.trailer,
      message: answersOf<MessageShape<O>>(call, ends),
    };
  }
}

/** grpc-js's deadlines are points in time of the wall clock. */
function optionsOf(timeoutMs: number | undefined): CallOptions {
  return timeoutMs === undefined || timeoutMs <= 0 ? {} : { deadline: Date.now() + timeoutMs };
}

class OneAnswer {
  readonly #answer = Promise.withResolvers<Message>();
  readonly promise = this.#answer.promise;
  readonly callback = (error: ServiceError | null, message?: Message): void => {
    if (error !== null) this.#answer.reject(toConnectError(error));
    else if (message !== undefined) this.#answer.resolve(message);
  };
}

type AnyCall =
  | ClientUnaryCall
  | ClientReadableStream<Message>
  | ClientWritableStream<Message>
  | ClientDuplexStream<Message, Message>;

/** Header and trailer as they come; `begun` with the first of them, `ended` with the last. */
function watch(call: AnyCall, signal: AbortSignal | undefined) {
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const header = new Headers();
  const trailer = new Headers();
  const failure: { error?: ServiceError } = {};
  const cancel = () => call.cancel();
  if (signal?.aborted === true) cancel();
  else signal?.addEventListener("abort", cancel, { once: true });
  // It may come before anybody reads.
  (call as EventEmitter).on("error", (error: ServiceError) => {
    failure.error = error;
  });
  call.on("metadata", (metadata: Metadata) => {
    copy(metadata, header);
    begun.resolve();
  });
  call.on("status", (status: StatusObject) => {
    copy(status.metadata, trailer);
    signal?.removeEventListener("abort", cancel);
    begun.resolve();
    ended.resolve();
  });
  return { header, trailer, failure, begun: begun.promise, ended: ended.promise };
}

function copy(metadata: Metadata, to: Headers): void {
  toHeaders(metadata).forEach((value, name) => to.append(name, value));
}

async function* answersOf<T>(
  call: ClientReadableStream<Message>,
  { ended, failure }: ReturnType<typeof watch>,
): AsyncGenerator<T> {
  let read = false;
  try {
    for await (const message of call) yield message as T;
    await ended;
    read = true;
  } catch (error) {
    failure.error ??= error as ServiceError;
  } finally {
    if (!read) call.cancel();
  }
  if (failure.error !== undefined) throw toConnectError(failure.error);
}

function pump(
  call: ClientWritableStream<Message>,
  desc: DescMessage,
  input: AsyncIterable<MessageInitShape<DescMessage>>,
): void {
  const run = async () => {
    for await (const message of input) {
      if (call.destroyed || call.writableEnded) return;
      if (!call.write(create(desc, message)))
        await new Promise<void>((resolve) => {
          call.once("drain", resolve);
          call.once("status", resolve);
        });
    }
    call.end();
  };
  run().catch(() => call.cancel());
}

async function first<T>(input: AsyncIterable<T>): Promise<T> {
  for await (const message of input) return message;
  throw new Error("a server-streaming call has one request");
}

async function* once<T>(message: T): AsyncGenerator<T> {
  yield message;
}
