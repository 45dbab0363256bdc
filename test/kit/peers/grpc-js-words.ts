/**
 * Between the vocabularies: Connect's `Headers` and `ConnectError` on one side, grpc-js's `Metadata` and status
 * objects on the other.
 */
import {
  create,
  type DescMethod,
  fromBinary,
  toBinary,
  type Message,
  type MessageInitShape,
  type DescMessage,
} from "@bufbuild/protobuf";
import { type Code, ConnectError, decodeBinaryHeader, encodeBinaryHeader } from "@connectrpc/connect";
import { Metadata, type MethodDefinition, type ServiceError } from "@grpc/grpc-js";
import { RpcStatusSchema } from "../../gen/heddle/test/v1/echo_pb.ts";

type Init = Message | MessageInitShape<DescMessage>;

export function toDefinition(method: DescMethod): MethodDefinition<Init, Message> {
  const serializer = (desc: DescMessage) => (message: Init) =>
    Buffer.from(toBinary(desc, create(desc, message)));
  const deserializer = (desc: DescMessage) => (bytes: Buffer) => fromBinary(desc, bytes);
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
    requestSerialize: serializer(method.input),
    requestDeserialize: deserializer(method.input),
    responseSerialize: serializer(method.output) as (message: Message) => Buffer,
    responseDeserialize: deserializer(method.output),
  };
}

export function toMetadata(headers: Headers): Metadata {
  const metadata = new Metadata();
  headers.forEach((value, name) => {
    if (!name.endsWith("-bin")) metadata.add(name, value);
    else
      for (const part of value.split(",")) metadata.add(name, Buffer.from(decodeBinaryHeader(part.trim())));
  });
  return metadata;
}

export function toHeaders(metadata: Metadata): Headers {
  const headers = new Headers();
  for (const name of Object.keys(metadata.getMap())) {
    for (const value of metadata.get(name))
      headers.append(name, typeof value === "string" ? value : encodeBinaryHeader(value));
  }
  return headers;
}

const DETAILS = "grpc-status-details-bin";

/** What grpc-js's server sends for a handler's error; it has nothing of its own for details. */
export function toStatus(
  thrown: unknown,
  trailer: Headers,
): { code: number; details: string; metadata: Metadata } {
  const error = ConnectError.from(thrown);
  const metadata = toMetadata(trailer);
  if (error.details.length > 0) {
    const details = error.details.map((detail) => {
      if ("desc" in detail) throw new Error("the echo service gives details as bytes");
      return { typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value };
    });
    metadata.set(
      DETAILS,
      Buffer.from(
        toBinary(
          RpcStatusSchema,
          create(RpcStatusSchema, { code: error.code, message: error.rawMessage, details }),
        ),
      ),
    );
  }
  return { code: error.code, details: error.rawMessage, metadata };
}

export function toConnectError(error: ServiceError): ConnectError {
  const converted = new ConnectError(error.details, error.code as unknown as Code, toHeaders(error.metadata));
  const [details] = error.metadata.get(DETAILS);
  if (details !== undefined && typeof details !== "string") {
    converted.details = fromBinary(RpcStatusSchema, details).details.map(({ typeUrl, value }) => ({
      type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
      value,
    }));
  }
  return converted;
}
