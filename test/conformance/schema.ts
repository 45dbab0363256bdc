/**
 * The suite's own messages and service. Their schema comes with the runner and is read at run time, as a set of
 * descriptors that `scripts/install-real.mjs` leaves in the cache, so that nothing of it is generated or kept here.
 * The types below say what these programs use of it; proto3 has no more to tell than names and kinds.
 */
import { createFileRegistry, type DescMessage, fromBinary, type Message } from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import { type Any, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { readFileSync } from "node:fs";

const descriptors = new URL("../../.cache/conformance-v1.0.5.binpb", import.meta.url);

/** Every type of the suite, for `Any` in JSON. */
export const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));

type Suite<Name extends string> = Message<`connectrpc.conformance.v1.${Name}`>;

/** The values of one name, in order. */
export type Header = Suite<"Header"> & { name: string; value: string[] };

export type RpcError = Suite<"Error"> & { code: number; message?: string; details: Any[] };

type RequestInfo = Suite<"ConformancePayload.RequestInfo"> & {
  requestHeaders: Header[];
  timeoutMs?: bigint;
  requests: Any[];
  connectGetInfo?: Suite<"ConformancePayload.ConnectGetInfo"> & { queryParams: Header[] };
};

export type Payload = Suite<"ConformancePayload"> & { data: Uint8Array; requestInfo?: RequestInfo };

interface Definition {
  responseHeaders: Header[];
  responseTrailers: Header[];
  responseDelayMs: number;
}

export type UnaryDefinition = Suite<"UnaryResponseDefinition"> &
  Definition & {
    response:
      | { case: "responseData"; value: Uint8Array }
      | { case: "error"; value: RpcError }
      | { case: undefined; value?: undefined };
  };

export type StreamDefinition = Suite<"StreamResponseDefinition"> &
  Definition & { responseData: Uint8Array[]; error?: RpcError };

type UnaryLike<Name extends string> = Suite<Name> & { responseDefinition?: UnaryDefinition };
type StreamLike<Name extends string> = Suite<Name> & { responseDefinition?: StreamDefinition };
type Answer<Name extends string> = Suite<Name> & { payload?: Payload };

export const HeaderSchema = message<Header>("Header");
export const PayloadSchema = message<Payload>("ConformancePayload");
export const RpcErrorSchema = message<RpcError>("Error");
export const RequestInfoSchema = message<RequestInfo>("ConformancePayload.RequestInfo");

export const ConformanceService = service("ConformanceService") as GenService<{
  unary: Unary<UnaryLike<"UnaryRequest">, Answer<"UnaryResponse">>;
  idempotentUnary: Unary<UnaryLike<"IdempotentUnaryRequest">, Answer<"IdempotentUnaryResponse">>;
  unimplemented: Unary<Suite<"UnimplementedRequest">, Suite<"UnimplementedResponse">>;
  serverStream: {
    methodKind: "server_streaming";
    input: GenMessage<StreamLike<"ServerStreamRequest">>;
    output: GenMessage<Answer<"ServerStreamResponse">>;
  };
  clientStream: {
    methodKind: "client_streaming";
    input: GenMessage<UnaryLike<"ClientStreamRequest">>;
    output: GenMessage<Answer<"ClientStreamResponse">>;
  };
  bidiStream: {
    methodKind: "bidi_streaming";
    input: GenMessage<StreamLike<"BidiStreamRequest"> & { fullDuplex: boolean }>;
    output: GenMessage<Answer<"BidiStreamResponse">>;
  };
}>;

interface Unary<Input extends Message, Output extends Message> {
  methodKind: "unary";
  input: GenMessage<Input>;
  output: GenMessage<Output>;
}

/** A certificate and its key, PEM. */
export type Credentials = Suite<"TLSCreds"> & { cert: Uint8Array; key: Uint8Array };

export const ServerCompatRequestSchema = message<
  Suite<"ServerCompatRequest"> & {
    clientTlsCert: Uint8Array;
    messageReceiveLimit: number;
    serverCreds?: Credentials;
  }
>("ServerCompatRequest");

export const ServerCompatResponseSchema = message<
  Suite<"ServerCompatResponse"> & { host: string; port: number; pemCert: Uint8Array }
>("ServerCompatResponse");

type Cancel = Suite<"ClientCompatRequest.Cancel"> & {
  cancelTiming:
    | { case: "beforeCloseSend"; value: Message }
    | { case: "afterCloseSendMs" | "afterNumResponses"; value: number }
    | { case: undefined; value?: undefined };
};

/** A call to make. Enumerations are numbers; `client.ts` and `call.ts` name the ones they know. */
export type ClientCompatRequest = Suite<"ClientCompatRequest"> & {
  testName: string;
  httpVersion: number;
  protocol: number;
  codec: number;
  compression: number;
  host: string;
  port: number;
  serverTlsCert: Uint8Array;
  clientTlsCreds?: Credentials;
  messageReceiveLimit: number;
  service?: string;
  method?: string;
  streamType: number;
  useGetHttpMethod: boolean;
  requestHeaders: Header[];
  requestMessages: Any[];
  timeoutMs?: number;
  requestDelayMs: number;
  cancel?: Cancel;
};

export const ClientCompatRequestSchema = message<ClientCompatRequest>("ClientCompatRequest");

export type CallResult = Suite<"ClientResponseResult"> & {
  responseHeaders: Header[];
  payloads: Payload[];
  error?: RpcError;
  responseTrailers: Header[];
  numUnsentRequests: number;
};

export const CallResultSchema = message<CallResult>("ClientResponseResult");

export const ClientCompatResponseSchema = message<
  Suite<"ClientCompatResponse"> & {
    testName: string;
    result:
      | { case: "response"; value: CallResult }
      | { case: "error"; value: Suite<"ClientErrorResult"> & { message: string } }
      | { case: undefined; value?: undefined };
  }
>("ClientCompatResponse");

function message<Shape extends Message>(name: string): GenMessage<Shape> {
  const found: DescMessage | undefined = registry.getMessage(`connectrpc.conformance.v1.${name}`);
  if (found === undefined) throw new Error(`the suite has no message ${name}`);
  return found as GenMessage<Shape>;
}

function service(name: string) {
  const found = registry.getService(`connectrpc.conformance.v1.${name}`);
  if (found === undefined) throw new Error(`the suite has no service ${name}`);
  return found;
}
