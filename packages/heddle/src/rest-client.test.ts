/** The REST client and the gRPC client on one server: random contracts, the same requests, answers and errors. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clearField,
  clone,
  create,
  createFileRegistry,
  type DescMessage,
  type DescMethod,
  type DescService,
  isFieldSet,
  type Message,
  setExtension,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
  MethodDescriptorProtoSchema,
  MethodOptionsSchema,
  StringValueSchema,
} from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { isHeddleError } from "./call/errors.ts";
import type { CallRecord } from "./call/record.ts";
import { createTransport } from "./client/transport.ts";
import { failureOf } from "./client/virtual-client.test.ts";
import { Dice, randomInit, randomTypes } from "./contract/codec/random-messages.test.ts";
import { registryOfServices } from "./contract/registry-of-services.ts";
import { type Binding, bindingsOf } from "./contract/rest/binding.ts";
import { isSame, prune, randomRule, throughJson } from "./contract/rest/random-bindings.test.ts";
import { contractOf } from "./contract/rest/contract-of.test.ts";
import { createRestMethods } from "./contract/rest/rest-method.ts";
import { http } from "./gen/google/api/annotations_pb.ts";
import { HttpRuleSchema } from "./gen/google/api/http_pb.ts";
import { listHandlers, streamContract } from "./server/protocols/rest-lines.test.ts";
import { createServer } from "./server/server.ts";

const rounds = 120;

type Unary = (request: Message) => Promise<Message>;
type Streaming = (request: Message) => AsyncIterable<Message>;
interface Ways {
  readonly one: Unary;
  readonly many: Streaming;
  readonly collect: (requests: AsyncIterable<Message>) => Promise<Message>;
  readonly both: (requests: AsyncIterable<Message>) => AsyncIterable<Message>;
}

test("a call over REST is the call over gRPC: what the handler gets, what it answers, how it fails", async () => {
  const counts = {
    calls: 0,
    refused: 0,
    failed: 0,
    answered: 0,
    streamed: 0,
    fields: 0,
    collected: 0,
    both: 0,
  };
  for (let seed = 0; seed < rounds; seed++) {
    const dice = new Dice(seed);
    const { service, responseBody } = randomService(dice);
    const [one] = service.methods as [DescMethod];
    const [binding] = bindingsOf(one) as [Binding];
    const registry = registryOfServices([service]);
    const requests: Uint8Array[] = [];
    let answers: Message[] = [];
    let failure: ConnectError | undefined;
    const handlers: Record<string, (request: never) => unknown> = {
      One(request: Message) {
        requests.push(toBinary(one.input, request));
        if (failure !== undefined) throw failure;
        return answers[0];
      },
      async *Many(request: Message) {
        requests.push(toBinary(one.input, request));
        yield* answers;
        if (failure !== undefined) throw failure;
      },
      async Collect(all: AsyncIterable<Message>) {
        for await (const request of all) requests.push(toBinary(one.input, request));
        if (failure !== undefined) throw failure;
        return answers[0];
      },
      async *Both(all: AsyncIterable<Message>) {
        for await (const request of all) {
          requests.push(toBinary(one.input, request));
          yield answers[0];
        }
        if (failure !== undefined) throw failure;
      },
    };
    await using server = await createServer({
      services: [{ service, handler: ({ name }) => handlers[name] as never }],
      listen: "127.0.0.1:0",
    });
    await using grpc = createTransport({ target: server.address, protocol: "grpc" });
    const version = dice.pick(["1.1", "2"] as const);
    await using rest = createTransport({
      target: server.address,
      protocol: "rest",
      http: version,
      maxAttempts: 1,
    });
    const ways = [grpc, rest].map((transport) => createClient(service, transport) as unknown as Ways);
    for (let round = 0; round < 3; round++) {
      const request = create(one.input, randomInit(dice, one.input)) as Message;
      if (binding.body.kind !== "all") prune(request, one.input, binding);
      answers = Array.from({ length: 1 + dice.below(3) }, () =>
        create(one.output, randomInit(dice, one.output)),
      );
      if (responseBody !== undefined)
        answers = answers.filter((answer) => keepOnly(answer, one.output, responseBody));
      const fit =
        isSame(one.input, request, () => throughJson(one.input, request, binding, registry)) &&
        answers.length > 0 &&
        answers.every((answer) =>
          isSame(one.output, answer, () => throughJson(one.output, answer, ALL, registry)),
        );
      if (!fit) continue;
      failure = dice.chance(30) ? randomError(dice) : undefined;
      const outcomes: unknown[] = [];
      for (const way of ways)
        outcomes.push(
          await outcomeOf(one.output, way.one(request)),
          await streamOutcomeOf(one.output, way.many(request)),
        );
      const [grpcOne, grpcMany, restOne, restMany] = outcomes as [Outcome, Outcome, Outcome, Outcome];
      if ("refused" in restOne) {
        counts.refused++;
        requests.length = 0;
        continue;
      }
      assert.deepEqual(restOne, grpcOne, `seed ${seed}`);
      assert.deepEqual(restMany, grpcMany, `seed ${seed}`);
      const [first, ...others] = requests.splice(0);
      assert.equal(others.length, 3);
      for (const other of others) assert.deepEqual(other, first, `seed ${seed}`);
      counts.calls++;
      counts[failure === undefined ? "answered" : "failed"]++;
      if (grpcMany.messages.length > 1) counts.streamed++;
      if (responseBody !== undefined) counts.fields++;
      if (!isSame(one.input, request, () => throughJson(one.input, request, ALL, registry))) continue;
      // Path and query hold for all messages of a stream.
      const sent = Array.from({ length: 1 + dice.below(3) }, () => request);
      const streams: Outcome[] = [];
      for (const way of ways) {
        streams.push(await outcomeOf(one.output, way.collect(each(sent))));
        if (version === "2") streams.push(await streamOutcomeOf(one.output, way.both(each(sent))));
      }
      if (streams.some((outcome) => "refused" in outcome)) {
        requests.length = 0;
        continue;
      }
      const half = streams.length / 2;
      assert.deepEqual(streams.slice(half), streams.slice(0, half), `seed ${seed}`);
      const got = requests.splice(0);
      assert.equal(got.length, streams.length * sent.length);
      for (const other of got) assert.deepEqual(other, first, `seed ${seed}`);
      counts.collected++;
      if (version === "2") counts.both++;
    }
  }
  for (const [what, count] of Object.entries(counts)) assert.ok(count > rounds / 12, `${what}: ${count}`);
});

async function* each(requests: readonly Message[]): AsyncGenerator<Message> {
  yield* requests;
}

/** Of a message as a whole. */
const ALL = { body: { kind: "all" } } as Binding;

interface Outcome {
  readonly messages: readonly string[];
  readonly error?: { readonly code: string; readonly message: string; readonly details: readonly string[] };
  readonly refused?: true;
}

async function outcomeOf(desc: DescMessage, call: Promise<Message>): Promise<Outcome> {
  return await call.then(
    (message) => ({ messages: [hex(desc, message)] }),
    (error: unknown) => failed(error, []),
  );
}

async function streamOutcomeOf(desc: DescMessage, answers: AsyncIterable<Message>): Promise<Outcome> {
  const messages: string[] = [];
  try {
    for await (const answer of answers) messages.push(hex(desc, answer));
    return { messages };
  } catch (error) {
    return failed(error, messages);
  }
}

function failed(error: unknown, messages: readonly string[]): Outcome {
  assert.ok(error instanceof ConnectError);
  if (isHeddleError(error) && error.reason === "requestInvalid") return { messages, refused: true };
  const details = error.findDetails(StringValueSchema).map(({ value }) => value);
  return { messages, error: { code: String(Code[error.code]), message: error.rawMessage, details } };
}

function hex(desc: DescMessage, message: Message): string {
  return Buffer.from(toBinary(desc, message)).toString("hex");
}

function randomError(dice: Dice): ConnectError {
  const details = Array.from({ length: dice.below(3) }, (_, i) => ({
    desc: StringValueSchema,
    value: { value: `d${i} ä` },
  }));
  return new ConnectError(dice.pick(["no", "ä\n€", "x".repeat(300)]), 1 + dice.below(16), undefined, details);
}

/** Whether the field has a value; the others lose theirs, for they are not in the answer. */
function keepOnly(answer: Message, desc: DescMessage, name: string): boolean {
  for (const field of desc.fields)
    if (field.name !== name && isFieldSet(answer, field)) clearField(answer, field);
  const field = desc.fields.find((each) => each.name === name);
  return field !== undefined && isFieldSet(answer, field);
}

/** A service of random types, with one method that answers once and one that streams, and random rules. */
function randomService(dice: Dice): { service: DescService; responseBody: string | undefined } {
  const [input, output] = [dice.below(4), dice.below(4)];
  const types = randomTypes(dice);
  const file = clone(FileDescriptorProtoSchema, (types[0] as DescMessage).file.proto);
  for (const message of file.messageType) nameInJson(message);
  const built = (types[input] as DescMessage) ?? types[0];
  const rule = randomRule(dice, built);
  const answer = types[output] as DescMessage;
  const responseBody =
    dice.chance(30) && answer.fields.length > 0 ? dice.pick(answer.fields).name : undefined;
  const method = (name: string, verb: string, clientStreaming: boolean, serverStreaming: boolean) => {
    const options = create(MethodOptionsSchema);
    const value = `${rule.pattern.value as string}:${verb}`;
    const pattern = { case: "post" as const, value };
    setExtension(
      options,
      http,
      create(HttpRuleSchema, { pattern, body: rule.body, responseBody: responseBody ?? "" }),
    );
    const [inputType, outputType] = [`.random.M${input}`, `.random.M${output}`];
    return create(MethodDescriptorProtoSchema, {
      name,
      inputType,
      outputType,
      clientStreaming,
      serverStreaming,
      options,
    });
  };
  file.service.push({
    $typeName: "google.protobuf.ServiceDescriptorProto",
    name: "Random",
    method: [
      method("One", "one", false, false),
      method("Many", "many", false, true),
      method("Collect", "collect", true, false),
      method("Both", "both", true, true),
    ],
  });
  const imports = [
    file_google_protobuf_struct,
    file_google_protobuf_timestamp,
    file_google_protobuf_wrappers,
  ];
  const registry = createFileRegistry(
    create(FileDescriptorSetSchema, { file: [...imports.map(({ proto }) => proto), file] }),
  );
  return { service: registry.getService("random.Random") as DescService, responseBody };
}

/** Compilers write the name into the descriptor. */
function nameInJson(message: DescriptorProto): void {
  for (const field of message.field) field.jsonName = field.name;
  for (const nested of message.nestedType) nameInJson(nested);
}

const shop = contractOf({
  package: "shop.v1",
  messages: { Order: { order_id: "string", note: "string" } },
  services: {
    Orders: {
      Get: { in: "Order", out: "Order", http: { pattern: { case: "get", value: "/v1/orders/{order_id}" } } },
      Put: { in: "Order", out: "Order", http: { pattern: { case: "post", value: "/v1/orders" }, body: "*" } },
    },
  },
});
const orders = shop.getService("shop.v1.Orders") as DescService;

test("time, metadata and interceptors are those of every call, and an instance that says no is left for another", async () => {
  const seen: string[] = [];
  const serve = (name: string) =>
    createServer({
      services: [
        {
          service: orders,
          handler: (method) => (_, context) => {
            const left = context.timeoutMs() ?? 0;
            assert.ok(left > 1000 && left <= 7000, `${left} ms are left`);
            const { requestHeader: header } = context;
            const attempt = header.get("grpc-previous-rpc-attempts") ?? "0";
            seen.push(`${method.name} ${header.get("x-own")} ${attempt}`);
            if (seen.length === 1)
              throw new ConnectError("busy", Code.Unavailable, { "grpc-retry-pushback-ms": "0" });
            return create(method.output, { note: name } as never);
          },
        },
      ],
      listen: "127.0.0.1:0",
    });
  await using one = await serve("one");
  await using other = await serve("other");
  const records: CallRecord[] = [];
  await using transport = createTransport({
    target: `static:///${one.address},${other.address}`,
    protocol: "rest",
    observe: (record) => records.push(record),
    interceptors: [
      (next) => (request) => {
        request.header.set("x-own", "set");
        return next(request);
      },
    ],
  });
  const client = createClient(orders, transport) as unknown as Readonly<Record<"get" | "put", TimedCall>>;
  await client.get({ orderId: "7" }, { timeoutMs: 7000 });
  assert.deepEqual(seen, ["Get set 0", "Get set 1"]);
  const addresses = records[0]?.attempts.map(({ address }) => address);
  assert.deepEqual(new Set(addresses), new Set([one.address, other.address]));
  await client.put({ orderId: "7" }, { timeoutMs: 7000 });
  const [instance] = transport.describe().instances;
  assert.equal(instance?.connections[0]?.httpVersion, "1.1");
});

type TimedCall = (request: object, options: { readonly timeoutMs: number }) => Promise<Message>;

test("a callee may speak first, messages of one stream agree on their path, and no message has none", async () => {
  const service = streamContract.getService("shop.v1.Lists") as DescService;
  await using server = await createServer({
    services: [{ service, handler: ({ name }) => listHandlers[name] as never }],
    listen: "127.0.0.1:0",
  });
  await using transport = createTransport({ target: server.address, protocol: "rest", http: "2" });
  const lists = createClient(service, transport) as unknown as Lists;
  const gate = Promise.withResolvers<void>();
  async function* wait() {
    await gate.promise;
    yield { name: "a" };
  }
  const chat = lists.chat(wait())[Symbol.asyncIterator]();
  assert.equal((await chat.next()).value?.["name"], "hello");
  gate.resolve();
  assert.equal((await chat.next()).value?.["name"], "a!");
  assert.equal((await chat.next()).done, true);

  async function* items(...all: object[]) {
    yield* all;
  }
  const total = await lists.add(items({ list: "7", count: 2, item: { name: "a" } }, { list: "7", count: 2 }));
  assert.deepEqual(total["names"], ["7 a 2", "7 undefined 2"]);
  const other = await failureOf(lists.add(items({ list: "7" }, { list: "8" })));
  assert.match(other.rawMessage, /must be the same in all messages/);
  assert.match((await failureOf(lists.add(items()))).rawMessage, /there is none/);
  assert.deepEqual((await lists.import(items()))["names"], []);
  const piece = (text: string) => ({ name: "a", file: { contentType: "text/x", data: Buffer.from(text) } });
  assert.deepEqual((await lists.upload(items(piece("by"), piece("tes"))))["names"], ["a text/x bytes"]);

  await using over1 = createTransport({ target: server.address, protocol: "rest" });
  const halfDuplex = createClient(service, over1) as unknown as Lists;
  assert.deepEqual((await halfDuplex.import(items({ name: "a" }, { name: "b" })))["names"], ["a", "b"]);
  const refused = await failureOf(
    halfDuplex
      .chat(items({ name: "a" }))
      [Symbol.asyncIterator]()
      .next(),
  );
  assert.match(refused.rawMessage, /WebSocket over HTTP\/1\.1/);
});

test("streams begin in the order in which HTTP/2 wants them, and one that never begins costs nobody else", async () => {
  const service = streamContract.getService("shop.v1.Lists") as DescService;
  await using server = await createServer({
    services: [{ service, handler: ({ name }) => listHandlers[name] as never }],
    listen: "127.0.0.1:0",
  });
  await using transport = createTransport({ target: server.address, protocol: "rest", http: "2" });
  const lists = createClient(service, transport) as unknown as Lists;
  async function* late(turns: number) {
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
    yield { list: String(turns), item: { name: "a" } };
  }
  const calls = Array.from({ length: 60 }, (_, i) => [
    lists.add(late((i * 7) % 20)),
    lists.import(late((i * 5) % 20)),
  ]).flat();
  const silent = Promise.withResolvers<never>();
  const never = lists.add(
    { [Symbol.asyncIterator]: () => ({ next: () => silent.promise }) },
    { timeoutMs: 30 },
  );
  assert.equal((await failureOf(never)).code, Code.DeadlineExceeded);
  const broken = lists.add({
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error("broken")) }),
  });
  assert.match((await failureOf(broken)).message, /broken/);
  for (const total of await Promise.all(calls)) assert.equal(total.$typeName, "shop.v1.Total");
});

test("what was sent can be read again", () => {
  const methods = createRestMethods({ basePath: "/api" });
  for (const [name, init] of [
    ["add", { list: "a/b", count: 7, item: { name: "ä" } }],
    ["import", { list: "x", count: 7, item: { name: "ä" } }],
    ["upload", { name: "n", file: { contentType: "text/plain", data: Buffer.from("x") } }],
  ] as const) {
    const { input, desc } = methods(streamContract.getService("shop.v1.Lists")?.method[name] as DescMethod);
    const read = input.decode(input.encode(init as never));
    assert.deepEqual(toBinary(desc.input, read), toBinary(desc.input, create(desc.input, init as never)));
  }
});

type Answered = Message & Readonly<Record<string, unknown>>;
interface Lists {
  readonly chat: (requests: AsyncIterable<object>) => AsyncIterable<Answered>;
  readonly add: (
    requests: AsyncIterable<object>,
    options?: { readonly timeoutMs: number },
  ) => Promise<Answered>;
  readonly import: (requests: AsyncIterable<object>) => Promise<Answered>;
  readonly upload: (requests: AsyncIterable<object>) => Promise<Answered>;
}
