/** grpc-js's server, running handlers that are written in Connect's vocabulary. */
import { create, type DescMethod, type Message } from "@bufbuild/protobuf";
import { createHandlerContext, type HandlerContext } from "@connectrpc/connect";
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
} from "@grpc/grpc-js";
import { type EventEmitter, once } from "node:events";
import { EchoService } from "../../gen/heddle/test/v1/echo_pb.ts";
import { outcomeOf } from "../within.ts";
import { toDefinition, toHeaders, toMetadata, toStatus } from "./grpc-js-words.ts";
import type { LinkTls, StartCallee } from "./peer.ts";

type AnyCall =
  | ServerUnaryCall<Message, Message>
  | ServerReadableStream<Message, Message>
  | ServerWritableStream<Message, Message>
  | ServerDuplexStream<Message, Message>;
/** Aborting it when the handler is done puts the timer of its deadline away. */
type RunningContext = ReturnType<typeof createHandlerContext>;
type AnyHandler = (input: unknown, context: HandlerContext) => Promise<Message> & AsyncIterable<Message>;

export const grpcJsCallee: StartCallee = async (
  echo,
  { maxMessageBytes, maxRequestBytes = maxMessageBytes, tls },
) => {
  const server = new Server({
    ...(maxRequestBytes === undefined ? {} : { "grpc.max_receive_message_length": maxRequestBytes }),
    "grpc.max_send_message_length": -1,
  });
  for (const method of EchoService.methods) {
    const handler = (echo as unknown as Record<string, AnyHandler | undefined>)[method.localName];
    if (handler === undefined) continue;
    const { methodKind } = method;
    const run =
      methodKind === "unary" || methodKind === "client_streaming"
        ? answerOne(method, handler)
        : answerMany(method, handler);
    const definition = toDefinition(method);
    server.register(
      definition.path,
      run as handleUnaryCall<Message, Message>,
      definition.responseSerialize,
      definition.requestDeserialize as (bytes: Buffer) => Message,
      KINDS[methodKind],
    );
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentialsOf(tls), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { address: `127.0.0.1:${port}`, [Symbol.asyncDispose]: async () => server.forceShutdown() };
};

function credentialsOf(tls: LinkTls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const { ca, server, client } = tls;
  const pair = { cert_chain: Buffer.from(server.cert), private_key: Buffer.from(server.key) };
  return ServerCredentials.createSsl(Buffer.from(ca), [pair], client !== undefined);
}

/** grpc-js's names of the kinds of call. */
const KINDS: Readonly<Record<DescMethod["methodKind"], string>> = {
  unary: "unary",
  server_streaming: "serverStream",
  client_streaming: "clientStream",
  bidi_streaming: "bidi",
};

function answerOne(
  method: DescMethod,
  handler: AnyHandler,
): handleUnaryCall<Message, Message> & handleClientStreamingCall<Message, Message> {
  return ((call, callback) => {
    const context = contextOf(method, call);
    const input = "request" in call ? call.request : requestsOf(call);
    (call as EventEmitter).on("answer", callback);
    void outcomeOf(handler(input, context)).then((outcome) => {
      context.abort();
      call.sendMetadata(toMetadata(context.responseHeader));
      if ("error" in outcome)
        (call as EventEmitter).emit("answer", toStatus(outcome.error, context.responseTrailer));
      else
        (call as EventEmitter).emit(
          "answer",
          null,
          create(method.output, outcome.value),
          toMetadata(context.responseTrailer),
        );
    });
  }) satisfies (
    call: ServerUnaryCall<Message, Message> | ServerReadableStream<Message, Message>,
    callback: Parameters<handleUnaryCall<Message, Message>>[1],
  ) => void;
}

function answerMany(
  method: DescMethod,
  handler: AnyHandler,
): handleServerStreamingCall<Message, Message> & handleBidiStreamingCall<Message, Message> {
  return ((call: ServerWritableStream<Message, Message> | ServerDuplexStream<Message, Message>) => {
    const context = contextOf(method, call);
    const input = "request" in call ? call.request : requestsOf(call);
    const answers = async () => {
      for await (const answer of handler(input, context)) {
        call.sendMetadata(toMetadata(context.responseHeader));
        if (!call.write(create(method.output, answer)))
          await Promise.race([once(call, "drain"), once(call, "cancelled")]);
      }
    };
    const done = answers().finally(() => context.abort());
    done.then(
      () => call.end(toMetadata(context.responseTrailer)),
      (error: unknown) => call.emit("error", toStatus(error, context.responseTrailer)),
    );
  }) satisfies handleServerStreamingCall<Message, Message>;
}

/** A handler that stops reading must still be able to answer: the stream outlives the loop over it. */
function requestsOf(
  call: ServerReadableStream<Message, Message> | ServerDuplexStream<Message, Message>,
): AsyncIterable<Message> {
  return call.iterator({ destroyOnReturn: false });
}

function contextOf(method: DescMethod, call: AnyCall): RunningContext {
  const controller = new AbortController();
  (call as EventEmitter).on("cancelled", () => controller.abort());
  const deadline = call.getDeadline();
  const atMs = deadline instanceof Date ? deadline.getTime() : deadline;
  return createHandlerContext({
    service: method.parent,
    method,
    protocolName: "grpc",
    requestMethod: "POST",
    url: `http://localhost/${method.parent.typeName}/${method.name}`,
    requestHeader: toHeaders(call.metadata),
    requestSignal: controller.signal,
    ...(Number.isFinite(atMs) ? { timeoutMs: Math.max(1, atMs - Date.now()) } : {}),
  });
}
