/** Reflection as its document has it: what is asked, what is answered, what is not there. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { create, createFileRegistry, type DescService, fromBinary } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  file_google_protobuf_descriptor,
} from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Echo } from "../contract/echo-service.test.ts";
import { ServerReflection, type ServerReflectionResponse } from "../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { file_heddle_options_v1_idempotency } from "../gen/heddle/options/v1/idempotency_pb.ts";
import { KV } from "../gen/etcd/rpc_pb.ts";
import { implement } from "./implement.ts";
import type { ServerOptions } from "./options.ts";
import { createServer } from "./server.ts";

const OPTIONED = ".heddle.unit.Optioned";
const optioned = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: "optioned.proto",
    package: "heddle.unit",
    syntax: "proto3",
    dependency: [file_heddle_options_v1_idempotency.proto.name],
    messageType: [{ name: "Optioned" }],
    service: [
      {
        name: "WithOptions",
        method: [{ name: "Do", inputType: OPTIONED, outputType: OPTIONED }],
      },
    ],
  }),
  (name) =>
    [file_heddle_options_v1_idempotency, file_google_protobuf_descriptor].find(
      ({ proto }) => proto.name === name,
    ),
);
const WithOptions = optioned.getService("heddle.unit.WithOptions") as DescService;

type Question = Readonly<Record<string, unknown>>;

async function start(t: TestContext, options: Partial<ServerOptions> = {}) {
  const server = await createServer({
    services: [implement(Echo, {}), implement(KV, {})],
    reflection: true,
    onHandlerError: (error) => assert.fail(error as Error),
    ...options,
  });
  t.after(() => server.close({ drainMs: 0 }));
  const transport = createGrpcTransport({ baseUrl: `http://${server.address}` });
  const clientOf = (service: typeof ServerReflection) => createClient(service, transport);
  /** All questions on one stream. */
  async function ask(...questions: Question[]): Promise<ServerReflectionResponse["messageResponse"][]> {
    async function* requests() {
      for (const [name, value] of questions.flatMap((one) => Object.entries(one)))
        yield { host: "here", messageRequest: { case: name, value } as never };
    }
    const answers: ServerReflectionResponse[] = [];
    for await (const answer of clientOf(ServerReflection).serverReflectionInfo(requests()))
      answers.push(answer);
    for (const { validHost, originalRequest } of answers) {
      assert.equal(validHost, "here");
      assert.equal(originalRequest?.host, "here");
    }
    return answers.map(({ messageResponse }) => messageResponse);
  }
  return { server, transport, ask, clientOf };
}

function filesIn(answer: ServerReflectionResponse["messageResponse"] | undefined): FileDescriptorProto[] {
  assert.equal(answer?.case, "fileDescriptorResponse");
  return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
}

const namesIn = (...args: Parameters<typeof filesIn>) => filesIn(...args).map(({ name }) => name);

test("services are listed, health and reflection with them", async (t) => {
  const { ask } = await start(t);
  const [answer] = await ask({ listServices: "" });
  assert.deepEqual(answer?.case === "listServicesResponse" && answer.value.service.map(({ name }) => name), [
    "etcdserverpb.KV",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "heddle.unit.Echo",
  ]);
});

test("a file comes with its imports, and each of those once on a stream", async (t) => {
  const { ask } = await start(t);
  const name = KV.file.proto.name;
  const imports = KV.file.dependencies.map(({ proto }) => proto.name);
  assert.ok(imports.length > 0);
  const [first, again, imported] = await ask(
    { fileByFilename: name },
    { fileByFilename: name },
    { fileByFilename: imports[0] },
  );
  assert.deepEqual(namesIn(first), [name, ...imports]);
  assert.deepEqual(namesIn(again), [name], "what is asked for is always there, its imports have gone before");
  assert.deepEqual(namesIn(imported), [imports[0]]);
  assert.deepEqual(filesIn(first)[0], KV.file.proto);
});

test("every kind of symbol leads to its file", async (t) => {
  const { ask } = await start(t);
  const health = "grpc/health/v1/health.proto";
  const symbols = [
    "grpc.health.v1.Health",
    "grpc.health.v1.Health.Check",
    "grpc.health.v1.HealthCheckResponse",
    "grpc.health.v1.HealthCheckResponse.status",
    "grpc.health.v1.HealthCheckResponse.ServingStatus",
    "grpc.health.v1.HealthCheckResponse.SERVING",
  ];
  const answers = await ask(...symbols.map((fileContainingSymbol) => ({ fileContainingSymbol })));
  for (const answer of answers) assert.deepEqual(namesIn(answer), [health]);
  const [oneof] = await ask({
    fileContainingSymbol: "grpc.reflection.v1.ServerReflectionRequest.message_request",
  });
  assert.deepEqual(namesIn(oneof), ["grpc/reflection/v1/reflection.proto"]);
});

test("extensions are found by what they extend and their number", async (t) => {
  const { ask } = await start(t, { services: [implement(WithOptions as never, {})] });
  const option = "heddle/options/v1/idempotency.proto";
  const [file, numbers, none, symbol] = await ask(
    { fileContainingExtension: { containingType: "google.protobuf.FieldOptions", extensionNumber: 51187 } },
    { allExtensionNumbersOfType: "google.protobuf.FieldOptions" },
    { allExtensionNumbersOfType: "heddle.unit.Optioned" },
    { fileContainingSymbol: "heddle.options.v1.idempotency_key" },
  );
  assert.deepEqual(namesIn(file), [option, "google/protobuf/descriptor.proto"]);
  assert.equal(numbers?.case, "allExtensionNumbersResponse");
  assert.equal(numbers.value.baseTypeName, "google.protobuf.FieldOptions");
  assert.deepEqual(numbers.value.extensionNumber, [51187]);
  assert.equal(none?.case, "allExtensionNumbersResponse");
  assert.deepEqual(none.value.extensionNumber, [], "a message without extensions is known all the same");
  assert.deepEqual(namesIn(symbol), [option]);
});

test("what is not there is NOT_FOUND, and the stream goes on", async (t) => {
  const { ask } = await start(t);
  const answers = await ask(
    { fileByFilename: "nowhere.proto" },
    { fileContainingSymbol: "heddle.unit.Nobody" },
    { fileContainingSymbol: ".heddle.unit.Echo" },
    { fileContainingSymbol: "" },
    { fileContainingExtension: { containingType: "heddle.unit.Nobody", extensionNumber: 7 } },
    { allExtensionNumbersOfType: "heddle.unit.Nobody" },
    { fileContainingSymbol: "heddle.unit.Echo" },
  );
  const texts = answers.slice(0, -1).map((answer) => {
    assert.equal(answer?.case, "errorResponse");
    assert.equal(answer.value.errorCode, Code.NotFound);
    return answer.value.errorMessage;
  });
  assert.deepEqual(texts, [
    'the file "nowhere.proto" is not known here',
    'the symbol "heddle.unit.Nobody" is not known here',
    'the symbol ".heddle.unit.Echo" is not known here',
    'the symbol "" is not known here',
    'the extension 7 of "heddle.unit.Nobody" is not known here',
    'the message "heddle.unit.Nobody" is not known here',
  ]);
  assert.equal(filesIn(answers.at(-1)).length > 0, true);
});

test("a request that asks nothing ends the stream with INVALID_ARGUMENT", async (t) => {
  const { clientOf } = await start(t);
  async function* requests() {
    yield { host: "here" };
  }
  await assert.rejects(
    async () => {
      for await (const _ of clientOf(ServerReflection).serverReflectionInfo(requests()));
    },
    (error) => error instanceof ConnectError && error.code === Code.InvalidArgument,
  );
});

test("v1alpha says the same under its own name", async (t) => {
  const { clientOf } = await start(t);
  async function* requests() {
    yield { messageRequest: { case: "listServices", value: "" } } as const;
  }
  const client = clientOf(ServerReflectionAlpha as unknown as typeof ServerReflection);
  for await (const { messageResponse } of client.serverReflectionInfo(requests())) {
    assert.equal(messageResponse.case, "listServicesResponse");
    assert.equal(messageResponse.value.service.length, 5);
  }
});

test("it is off unless it is asked for, and a service given takes the place of ours", async (t) => {
  const off = await start(t, { reflection: false });
  await assert.rejects(
    off.ask({ listServices: "" }),
    (error) => error instanceof ConnectError && error.code === Code.Unimplemented,
  );
  const own = await start(t, {
    services: [
      implement(ServerReflection, {
        async *serverReflectionInfo() {
          yield { validHost: "here", originalRequest: { host: "here" } };
        },
      }),
    ],
  });
  assert.deepEqual(await own.ask({ listServices: "" }), [{ case: undefined }]);
});

test("a server that goes away ends the streams that tools keep open", async (t) => {
  const { server, clientOf } = await start(t);
  const open = Promise.withResolvers<void>();
  t.after(() => open.resolve());
  async function* requests() {
    yield { messageRequest: { case: "listServices", value: "" } } as const;
    await open.promise;
  }
  let closed: Promise<{ readonly cut: readonly string[] }> | undefined;
  await assert.rejects(
    async () => {
      for await (const _ of clientOf(ServerReflection).serverReflectionInfo(requests()))
        closed = server.close({ drainMs: 30_000 });
    },
    (error) => error instanceof ConnectError && error.code === Code.Unavailable,
  );
  assert.deepEqual((await closed)?.cut, []);
});
