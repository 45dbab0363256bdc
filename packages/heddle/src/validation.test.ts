/** Rules of a contract, in every protocol and every kind of call: kept before a handler runs, and told alike. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createTransport, type TransportOptions } from "./client/transport.ts";
import { Echo } from "./contract/echo-service.test.ts";
import { Nonsense, type Order, Orders } from "./contract/validation/ruled-service.test.ts";
import { ViolationsSchema } from "./gen/buf/validate/validate_pb.ts";
import { implement } from "./server/implement.ts";
import type { ServerOptions } from "./server/options.ts";
import { createServer } from "./server/server.ts";
import { openValidation } from "./server/validation.ts";

type Init = MessageInitShape<(typeof Orders)["method"]["place"]["input"]>;

const good: Init = {
  id: "some-order",
  lines: [{ quantity: 1n }] as never,
  payment: { case: "card", value: "4242" },
};
const bad: Init = { ...good, id: "A", lines: [{ quantity: 1n }, { quantity: 0n }] as never };
const BAD_TEXT =
  /^heddle\.ruled\.Orders\/\w+ was refused before its handler began: id: .+ \(string\.min_len\); id: .+ \(string\.pattern\); lines\[1\]\.quantity: .+ \(int64\.gt\) \(HDL-2314\)$/;

const WAYS = [
  { protocol: "grpc" },
  { protocol: "grpc", codec: "json" },
  { protocol: "grpc-web" },
  { protocol: "connect" },
  { protocol: "connect", codec: "json" },
  { protocol: "connect", http: "1.1" },
] as const;

interface World {
  readonly client: Client<typeof Orders>;
  readonly address: string;
  /** Ids of the orders that handlers saw. */
  readonly seen: string[];
  readonly failures: unknown[];
}

async function start(
  t: TestContext,
  options: Partial<ServerOptions> = {},
  way: Omit<TransportOptions, "target"> = {},
): Promise<World> {
  const seen: string[] = [];
  const failures: unknown[] = [];
  const see = (order: Order): Order => {
    seen.push(order.id);
    return order;
  };
  const server = await createServer({
    services: [
      implement(Orders, {
        place: see,
        async *list(order) {
          yield see(order);
          yield { ...order, id: order.id === "odd" ? "A" : order.id };
        },
        async collect(orders) {
          let last: Order | undefined;
          // A handler that is lenient about what it reads does not make a bad stream good.
          try {
            for await (const order of orders) last = see(order);
          } catch {}
          return last as Order;
        },
        async *chat(orders) {
          for await (const order of orders) yield see(order);
        },
      }),
    ],
    onHandlerError: (error) => failures.push(error),
    ...options,
  });
  t.after(() => server.close({ drainMs: 0 }));
  const transport = createTransport({ target: server.address, ...way });
  t.after(() => transport.close("now"));
  return { client: createClient(Orders, transport), address: server.address, seen, failures };
}

async function* streamOf(...orders: Init[]) {
  yield* orders;
}

async function refused(promise: Promise<unknown>): Promise<ConnectError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ConnectError, String(error));
    return error;
  }
  return assert.fail("it was taken");
}

async function collect<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const message of messages) all.push(message);
  return all;
}

function assertRefusal(error: ConnectError): void {
  assert.equal(error.code, Code.InvalidArgument);
  assert.match(error.rawMessage, BAD_TEXT);
  const [violations] = error.findDetails(ViolationsSchema);
  assert.deepEqual(
    violations?.violations.map(({ field, ruleId }) => [
      field?.elements.map(({ fieldName, subscript }) => [fieldName, subscript.value]),
      ruleId,
    ]),
    [
      [[["id", undefined]], "string.min_len"],
      [[["id", undefined]], "string.pattern"],
      [
        [
          ["lines", 1n],
          ["quantity", undefined],
        ],
        "int64.gt",
      ],
    ],
  );
}

for (const way of WAYS) {
  test(`rules are kept in ${Object.values(way).join(" ")}`, async (t) => {
    const { client, seen, failures } = await start(t, {}, way);
    assert.equal((await client.place(good)).id, "some-order");
    assertRefusal(await refused(client.place(bad)));
    assertRefusal(await refused(collect(client.list(bad))));
    assertRefusal(await refused(client.collect(streamOf(bad))));
    assert.deepEqual(seen, ["some-order"], "no handler saw what breaks a rule");
    assert.deepEqual(failures, []);
  });
}

test("a stream is checked message by message, and ends where a rule is broken", async (t) => {
  const { client, seen, failures } = await start(t);
  assertRefusal(await refused(client.collect(streamOf(good, { ...good, id: "next" }, bad, good))));
  assert.deepEqual(seen, ["some-order", "next"]);
  const answers: string[] = [];
  const error = await refused(
    (async () => {
      for await (const { id } of client.chat(streamOf(good, bad))) answers.push(id);
    })(),
  );
  assertRefusal(error);
  assert.deepEqual(answers, ["some-order"]);
  assert.deepEqual(failures, []);
});

test("REST tells a broken rule as a problem, with the violations in it", async (t) => {
  const { address, seen } = await start(t);
  const response = await fetch(`http://${address}/v1/orders`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ id: "A", lines: [{ quantity: 1 }, { quantity: 0 }], card: "4242" }),
  });
  assert.equal(response.status, 422);
  const problem = (await response.json()) as {
    detail: string;
    code: string;
    details: Record<string, unknown>[];
  };
  assert.match(problem.detail, BAD_TEXT);
  assert.equal(problem.code, "INVALID_ARGUMENT");
  const [detail] = problem.details;
  assert.ok(detail);
  assert.equal(detail["@type"], "type.googleapis.com/buf.validate.Violations");
  assert.equal((detail["violations"] as unknown[]).length, 3);
  assert.deepEqual(seen, []);
});

test("rules of a oneof and of a message as a whole are told without, or with, their place", async (t) => {
  const { client } = await start(t);
  const unpaid: Init = { ...good, payment: { case: undefined } };
  assert.match((await refused(client.place(unpaid))).rawMessage, /began: payment: .+ \(required\)/);
  const reversed = await refused(client.place({ ...good, first: 2n, last: 1n }));
  assert.match(reversed.rawMessage, /began: first must not be after last \(order\.span\)/);
  const nested = await refused(client.place({ ...good, parent: { ...good, id: "A" } as never }));
  assert.match(nested.rawMessage, /parent\.id: /);
});

test("a text names five places and counts the others, the detail has all", async (t) => {
  const { client } = await start(t);
  const lines = Array.from({ length: 9 }, () => ({ quantity: 0n })) as never;
  const error = await refused(client.place({ ...good, lines }));
  assert.match(error.rawMessage, /lines\[4\]\.quantity: [^;]+; and 4 more \(HDL-2314\)$/);
  assert.equal(error.findDetails(ViolationsSchema)[0]?.violations.length, 9);
});

test("interceptors see only what keeps the rules", async (t) => {
  let intercepted = 0;
  const { client } = await start(t, {
    interceptors: [
      (next) => (request) => {
        intercepted++;
        return next(request);
      },
    ],
  });
  assertRefusal(await refused(client.place(bad)));
  assert.equal(intercepted, 0);
  await client.place(good);
  assert.equal(intercepted, 1);
});

test("`validate: false` lets everything through, also without an evaluator", async (t) => {
  const { client } = await start(t, { validate: false });
  assert.equal((await client.place(bad)).id, "A");
});

test("answers are checked when it is asked for", async (t) => {
  const plain = await start(t);
  assert.equal((await collect(plain.client.list({ ...good, id: "odd" }))).length, 2);
  const strict = await start(t, { validate: { answers: true } });
  const error = await refused(collect(strict.client.list({ ...good, id: "odd" })));
  assert.equal(error.code, Code.Internal);
  assert.match(error.rawMessage, /^the answer of heddle\.ruled\.Orders\/List breaks .+: id: .+\(HDL-3003\)$/);
  assert.equal(strict.failures.length, 1);
  await collect(strict.client.list(good));
  const lazy = await start(t, {
    validate: { answers: true },
    services: [implement(Orders, { place: () => ({ id: "less-than-a-message" }) })],
  });
  const { rawMessage } = await refused(lazy.client.place(good));
  assert.match(rawMessage, /lines: .+ \(repeated\.min_items\)/);
});

test("a contract whose rules make no sense is refused before it is served", async () => {
  await assert.rejects(createServer({ services: [implement(Nonsense, {})] }), (error) => {
    assert.ok(error instanceof ConnectError);
    assert.match(
      error.rawMessage,
      /^the rules of heddle\.ruled\.Senseless cannot be checked: .+ \(HDL-1010\)$/,
    );
    return true;
  });
  const server = await createServer({ services: [implement(Nonsense, {})], validate: false });
  await server.close();
});

test("without rules there is no evaluator and no check", async () => {
  assert.equal(await openValidation([implement(Echo, {})], { answers: true }), undefined);
  const validation = await openValidation([implement(Echo, {}), implement(Orders, {})]);
  assert.equal(validation?.checkOfRequest(Echo.method.say), undefined);
  assert.equal(validation?.checkOfAnswer(Orders.method.place), undefined);
  assert.ok(validation?.checkOfRequest(Orders.method.place));
});

test("the numbers of rules in the .proto that we ship are protovalidate's", async () => {
  const theirs = await import("@bufbuild/protovalidate/gen/buf/validate/validate_pb.js");
  const ours = await import("./gen/buf/validate/validate_pb.ts");
  const told = ({ proto }: (typeof ours)["file_buf_validate_validate"]) =>
    proto.messageType.map(({ name, field }) => [
      name,
      field.map(({ name: field, number, type, label, typeName }) => [field, number, type, label, typeName]),
    ]);
  assert.deepEqual(told(ours.file_buf_validate_validate), told(theirs.file_buf_validate_validate));
});
