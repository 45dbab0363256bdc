/**
 * gRPC's server reflection, in both versions that tools ask for: grpcurl, `buf curl`, Postman and others call a server
 * without having its contracts. They are answered from the descriptors that the server runs with.
 * Source: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
 *
 * A file goes out with all that it imports, but only once on a stream, except when it is asked for by itself. Tools with
 * a window keep their stream open, so a server that goes away ends it.
 */
import { type DescFile, type DescService, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { HeddleError } from "../call/errors.ts";
import { createSymbolIndex, nameOf, type SymbolIndex } from "../contract/reflection/symbol-index.ts";
import {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from "../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { type Implementation, implement } from "./implement.ts";

export interface ReflectionService {
  readonly implementations: readonly Implementation[];
  /** Ends the streams that are open. */
  endStreams(): void;
}

type Question = ServerReflectionRequest["messageRequest"];
type Answer = Exclude<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"], undefined>;

/** `served` is what the server answers besides; its contracts are looked through at the first question. */
export function createReflectionService(served: readonly DescService[]): ReflectionService {
  const services = [...new Set([...served, ServerReflection, ServerReflectionAlpha])];
  const names = services.map(({ typeName }) => ({ name: typeName })).toSorted(byName);
  const enders = new Set<() => void>();
  let ended = false;
  let index: SymbolIndex | undefined;

  function answerTo(question: Question, sent: Set<string>): Answer {
    index ??= createSymbolIndex(services);
    switch (question.case) {
      case "fileByFilename":
        return files(index.file(question.value), sent, () => `the file ${quoted(question.value)}`);
      case "fileContainingSymbol":
        return files(index.fileOfSymbol(question.value), sent, () => `the symbol ${quoted(question.value)}`);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = question.value;
        const file = index.fileOfExtension(containingType, extensionNumber);
        return files(file, sent, () => `the extension ${extensionNumber} of ${quoted(containingType)}`);
      }
      case "allExtensionNumbersOfType": {
        const numbers = index.extensionNumbers(question.value);
        if (numbers === undefined) return notFound(`the message ${quoted(question.value)}`);
        const value = { baseTypeName: question.value, extensionNumber: [...numbers] };
        return { case: "allExtensionNumbersResponse", value };
      }
      case "listServices":
        return { case: "listServicesResponse", value: { service: names } };
      case undefined:
        throw new ConnectError("the request asks nothing", Code.InvalidArgument);
    }
  }

  /** Undefined when the requests, or the server, have come to their end. */
  async function next<T>(requests: AsyncIterator<T>): Promise<T | undefined> {
    if (ended) return undefined;
    const end = Promise.withResolvers<undefined>();
    const stop = () => end.resolve(undefined);
    enders.add(stop);
    try {
      const step = await Promise.race([requests.next(), end.promise]);
      return step?.done === true ? undefined : step?.value;
    } finally {
      enders.delete(stop);
    }
  }

  async function* converse(requests: AsyncIterable<ServerReflectionRequest>, { method }: HandlerContext) {
    const sent = new Set<string>();
    const iterator = requests[Symbol.asyncIterator]();
    for (;;) {
      const request = await next(iterator);
      if (request === undefined) break;
      yield {
        validHost: request.host,
        originalRequest: request,
        messageResponse: answerTo(request.messageRequest, sent),
      };
    }
    if (ended)
      throw new HeddleError("serverStopped", {
        method: `${method.parent.typeName}/${method.name}`,
        reason: "the server is going away",
      });
  }

  return {
    implementations: [ServerReflection, AS_V1].map((service) =>
      implement(service, { serverReflectionInfo: converse }),
    ),
    endStreams() {
      ended = true;
      for (const end of enders) end();
    },
  };
}

/** The types differ in nothing but their names. */
const AS_V1 = ServerReflectionAlpha as unknown as typeof ServerReflection;

function files(file: DescFile | undefined, sent: Set<string>, what: () => string): Answer {
  if (file === undefined) return notFound(what());
  const found: Uint8Array[] = [];
  const waiting = new Set([file]);
  for (const one of waiting) {
    const name = nameOf(one);
    if (one === file || !sent.has(name)) {
      sent.add(name);
      found.push(toBinary(FileDescriptorProtoSchema, one.proto));
    }
    for (const dependency of one.dependencies) waiting.add(dependency);
  }
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto: found } };
}

function notFound(what: string): Answer {
  const value = { errorCode: Code.NotFound, errorMessage: `${what} is not known here` };
  return { case: "errorResponse", value };
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, MOST_QUOTED));
}

/** Letters of what was asked for that go back in a text. */
const MOST_QUOTED = 200;

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
