/**
 * One method over four protocols, on real sockets: the same answer, the same error with the same details, the same effect, for
 * random messages of a contract that has a field of every form. REST is called twice: by our client, and by one that knows
 * nothing of the contract but a path.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  create,
  type DescMessage,
  fromJson,
  type JsonValue,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import fc from "fast-check";
import { type ClosableTransport, createServer, createTransport, errorsOf, implement } from "heddle";
import {
  FindThingRequestSchema,
  FindThingResponseSchema,
  KeepThingRequestSchema,
  KeepThingResponseSchema,
  PutThingRequestSchema,
  PutThingResponseSchema,
  type Thing,
  ThingRefusedSchema,
  ThingSchema,
  ThingService,
  ThingState,
} from "../gen/heddle/test/v1/things_pb.ts";

const keepErrors = errorsOf(ThingService.method.keepThing, [ThingRefusedSchema]);

/** What the handler is to do, whatever it is asked. */
interface Plan {
  readonly thing: Thing;
  /** 0: the call succeeds. */
  readonly code: number;
  readonly text: string;
  readonly details: readonly string[];
}

/** What a caller got, in words that all protocols have. */
type Outcome =
  | { readonly answer: Message }
  | { readonly code: Code; readonly message: string; readonly details: readonly string[] };

const texts = fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 });
const words = fc.string({ unit: "grapheme", maxLength: 30 });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const nanos = fc.nat(999_999_999);
const moments = fc.record({ seconds: fc.bigInt({ min: -62135596800n, max: 253402300799n }), nanos });
/** JSON and bytes disagree about -0. */
const isPlain = (number: number) => !Object.is(number, -0);
const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as JsonValue);

/** Some fields of a thing, each with any value that it may have. */
const { thing: things } = fc.letrec<{ readonly thing: Thing }>((tie) => ({
  thing: fc
    .record(
      {
        id: words,
        count: fc.integer(),
        total: int64,
        size: uint64,
        ratio: fc.float().filter(isPlain),
        exact: fc.double().filter(isPlain),
        on: fc.boolean(),
        data: fc.uint8Array({ maxLength: 200 }),
        state: fc.constantFrom(ThingState.NEW, ThingState.OLD, 7 as ThingState),
        tags: fc.array(words, { maxLength: 4 }),
        numbers: fc.array(int64, { maxLength: 4 }),
        labels: fc.dictionary(words, words, { maxKeys: 4, noNullPrototype: true }),
        parts: fc.dictionary(fc.integer().map(String), tie("thing"), {
          maxKeys: 2,
          noNullPrototype: true,
        }),
        at: moments,
        wait: fc.record({ seconds: fc.bigInt({ min: 0n, max: 315576000000n }), nanos }),
        value: json.map((value) => fromJson(ValueSchema, value)),
        extra: fc.dictionary(words, json, { maxKeys: 4, noNullPrototype: true }),
        note: words,
        kind: fc.oneof(
          { maxDepth: 2 },
          fc.record({ case: fc.constant("name" as const), value: words }),
          fc.record({ case: fc.constant("inner" as const), value: tie("thing") }),
        ),
        limit: uint64,
        mask: fc.record({ paths: fc.array(fc.constantFrom("id", "inner.total", "on"), { maxLength: 3 }) }),
      },
      { requiredKeys: [] },
    )
    .map((init) => create(ThingSchema, init as MessageInitShape<typeof ThingSchema>)),
}));

/** What may stand in a path as a segment. */
const segments = texts.filter((text) => !/^\.+$/.test(text));

const plans: fc.Arbitrary<Plan> = fc.record({
  thing: things,
  code: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 16 })),
  text: texts,
  details: fc.array(texts, { maxLength: 3 }),
});

const puts = fc.record({
  shelf: segments,
  thing: things,
  states: fc.array(fc.constantFrom(ThingState.NEW, ThingState.OLD, 7 as ThingState), { maxLength: 3 }),
  version: int64,
});

const finds = fc.record(
  {
    shelf: segments,
    after: int64,
    deep: fc.boolean(),
    tags: fc.array(fc.string({ unit: "grapheme" }), { maxLength: 3 }),
    since: moments,
    token: fc.uint8Array({ maxLength: 20 }),
    // A message without anything in it has no form in a query.
    filter: fc.record({
      text: texts,
      least: fc.double().filter(isPlain),
    }),
  },
  { requiredKeys: ["shelf"] },
);

interface Stage extends AsyncDisposable {
  /** Typed clients, by what they speak. */
  readonly clients: ReadonlyMap<string, Client<typeof ThingService>>;
  readonly address: string;
  plan: Plan;
  /** What the handlers saw. */
  readonly effects: Message[];
}

async function start(): Promise<Stage> {
  const stage = {
    plan: { thing: create(ThingSchema), code: 0, text: "", details: [] } as Plan,
    effects: [] as Message[],
  };
  const answer = (request: Message) => {
    stage.effects.push(request);
    const { thing, code, text, details } = stage.plan;
    if (code === 0) return { thing };
    // gRPC has details in a trailer, for which there are limits.
    const inDetail = toBinary(ThingSchema, thing).length < 1000 ? { thing } : {};
    throw new ConnectError(
      text,
      code as Code,
      undefined,
      details.map((reason) => ({ desc: ThingRefusedSchema, value: { reason, ...inDetail } })),
    );
  };
  const server = await createServer({
    services: [implement(ThingService, { keepThing: answer, putThing: answer, findThing: answer })],
    listen: "127.0.0.1:0",
    // Things that are refused with another code than the contract's are told.
    onHandlerError: () => {},
  });
  const to = { target: server.address, maxAttempts: 1 };
  const transports = new Map<string, ClosableTransport>([
    ["gRPC", createTransport({ ...to, protocol: "grpc" })],
    ["gRPC in JSON", createTransport({ ...to, protocol: "grpc", codec: "json" })],
    ["gRPC-Web", createTransport({ ...to, protocol: "grpc-web" })],
    ["Connect", createTransport({ ...to, protocol: "connect" })],
    [
      "Connect in JSON, by GET",
      createTransport({ ...to, protocol: "connect", codec: "json", useHttpGet: true }),
    ],
    ["Connect over HTTP/1.1", createTransport({ ...to, protocol: "connect", http: "1.1" })],
    ["REST", createTransport({ ...to, protocol: "rest" })],
    ["REST over HTTP/1.1", createTransport({ ...to, protocol: "rest", http: "1.1" })],
  ]);
  return Object.assign(stage, {
    address: server.address,
    clients: new Map(
      [...transports].map(([name, transport]) => [name, createClient(ThingService, transport)]),
    ),
    async [Symbol.asyncDispose]() {
      for (const transport of transports.values()) await transport[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  });
}

async function outcomeOf(call: Promise<Message>): Promise<Outcome> {
  try {
    return { answer: await call };
  } catch (error) {
    assert.ok(error instanceof ConnectError, String(error));
    const details = error.findDetails(ThingRefusedSchema);
    return {
      code: error.code,
      message: error.rawMessage,
      details: details.map((detail) => textOf(ThingRefusedSchema, detail)),
    };
  }
}

/** Each way in turn gives what the first gave, and does what it did, once. */
async function assertSame(
  stage: Stage,
  ways: Iterable<readonly [name: string, call: () => Promise<Message>]>,
  [request, answer]: readonly [DescMessage, DescMessage],
): Promise<void> {
  let first: { readonly outcome: Outcome; readonly effect: Message } | undefined;
  for (const [name, call] of ways) {
    stage.effects.length = 0;
    const outcome = await outcomeOf(call());
    const [effect, ...more] = stage.effects;
    assert.ok(
      effect !== undefined && more.length === 0,
      `${name}: the handler ran ${stage.effects.length} times`,
    );
    if (first === undefined) {
      first = { outcome, effect };
      continue;
    }
    assert.equal(textOf(request, effect), textOf(request, first.effect), name);
    if ("answer" in first.outcome && "answer" in outcome)
      assert.equal(textOf(answer, outcome.answer), textOf(answer, first.outcome.answer), name);
    else assert.deepEqual(outcome, first.outcome, name);
  }
}

/** Its bytes, for NaN is not equal to itself. */
function textOf(desc: DescMessage, message: Message): string {
  return Buffer.from(toBinary(desc, message)).toString("hex");
}

const runs = { numRuns: 15 };

test("a request that is a body: all ways are one", async () => {
  await using stage = await start();
  const property = fc.asyncProperty(plans, things, segments, async (plan, thing, shelf) => {
    stage.plan = plan;
    const request = create(KeepThingRequestSchema, { thing, shelf });
    const ways = [...stage.clients].map(([name, client]) => [name, () => client.keepThing(request)] as const);
    const plain = ["fetch", () => keepByFetch(stage.address, request)] as const;
    await assertSame(stage, [...ways, plain], [KeepThingRequestSchema, KeepThingResponseSchema]);
  });
  await fc.assert(property, runs);
});

test("a request in path, query and body: all ways are one", async () => {
  await using stage = await start();
  const property = fc.asyncProperty(plans, puts, async (plan, request) => {
    stage.plan = plan;
    const ways = [...stage.clients].map(([name, client]) => [name, () => client.putThing(request)] as const);
    await assertSame(stage, ways, [PutThingRequestSchema, PutThingResponseSchema]);
  });
  await fc.assert(property, runs);
});

test("a request without a body: all ways are one", async () => {
  await using stage = await start();
  const property = fc.asyncProperty(plans, finds, async (plan, request) => {
    stage.plan = plan;
    const asked = create(FindThingRequestSchema, request as never);
    const ways = [...stage.clients].map(([name, client]) => [name, () => client.findThing(asked)] as const);
    await assertSame(stage, ways, [FindThingRequestSchema, FindThingResponseSchema]);
  });
  await fc.assert(property, runs);
});

test("a declared error is told by its type, whichever way it came", async () => {
  await using stage = await start();
  stage.plan = { ...stage.plan, code: Code.FailedPrecondition, text: "no room", details: ["full"] };
  for (const [name, client] of stage.clients) {
    const error: unknown = await client.keepThing({}).catch((thrown: unknown) => thrown);
    const detail = keepErrors.detailOf(error);
    assert.equal(detail?.$typeName, "heddle.test.v1.ThingRefused", name);
    assert.equal(detail.reason, "full", name);
  }
});

async function keepByFetch(
  address: string,
  request: MessageShape<typeof KeepThingRequestSchema>,
): Promise<Message> {
  const response = await fetch(`http://${address}/v1/things`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(toJson(KeepThingRequestSchema, request)),
  });
  const json = (await response.json()) as JsonValue;
  if (response.ok) return fromJson(KeepThingResponseSchema, json);
  const problem = json as {
    status: number;
    code: string;
    detail?: string;
    details?: { [key: string]: JsonValue }[];
  };
  assert.equal(problem.status, response.status);
  const details = (problem.details ?? []).map(({ "@type": type, ...value }) => {
    assert.equal(type, "type.googleapis.com/heddle.test.v1.ThingRefused");
    return { desc: ThingRefusedSchema, value: fromJson(ThingRefusedSchema, value) };
  });
  throw new ConnectError(problem.detail ?? "", codeNamed(problem.code), undefined, details);
}

/** From gRPC's name. */
function codeNamed(name: string): Code {
  const found = Object.entries(Code).find(
    ([key]) => key.toUpperCase() === name.replace(/LL/, "L").replaceAll("_", ""),
  );
  assert.ok(found !== undefined, name);
  return found[1] as Code;
}
