/** Errors of a contract, as a server answers with them; and what it tells of those that are not in the contract. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { isHeddleError } from "./call/errors.ts";
import { createTransport } from "./client/transport.ts";
import { DeclinedSchema, Shop, shopOf, soldOut, SoldOutSchema } from "./contract/declaring-service.test.ts";
import { errorDetail, errorsOf } from "./contract/method-errors.ts";
import { implement } from "./server/implement.ts";
import { createServer } from "./server/server.ts";

const buyErrors = errorsOf(Shop.method.buy, [SoldOutSchema, DeclinedSchema]);
let servers = 0;

/** A shop whose methods throw what stands in `next`. */
async function serve() {
  const address = `memory:undeclared-${servers++}`;
  const told: unknown[] = [];
  const shop = { next: new Error() as unknown, told };
  const fail = () => {
    throw shop.next;
  };
  const server = await createServer({
    services: [
      implement(Shop, {
        buy: fail,
        ask: fail,
        async *watch() {
          yield {};
          fail();
        },
      }),
    ],
    listen: address,
    onHandlerError: (error) => told.push(error),
  });
  const transport = createTransport({ target: address });
  const client = createClient(Shop, transport);
  const failure = (call: Promise<unknown>) =>
    call.then(
      () => assert.fail("it succeeded"),
      (error: unknown) => error,
    );
  return {
    ...shop,
    /** What callers of a method get. */
    async call(method: "buy" | "ask" | "watch", error: unknown) {
      shop.next = error;
      return await failure(method === "watch" ? readAll(client.watch({})) : client[method]({}));
    },
    async [Symbol.asyncDispose]() {
      await transport[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function readAll(answers: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of answers);
}

for (const method of ["buy", "watch"] as const) {
  test(`${method}: an error of the contract reaches the caller with its detail, and nothing is told`, async () => {
    await using shop = await serve();
    const error = await shop.call(method, buyErrors.create(SoldOutSchema, { sku: "mug", left: 1 }));
    assert.equal(buyErrors.detailOf(error)?.$typeName, SoldOutSchema.typeName);
    await shop.call(method, new ConnectError("no such thing", Code.NotFound));
    const later = new ConnectError("later", Code.Unavailable);
    later.details.push({ type: "google.rpc.RetryInfo", value: new Uint8Array(0) });
    await shop.call(method, later);
    assert.deepEqual(shop.told, []);
  });

  test(`${method}: one that is not goes out as it is, and is told once`, async () => {
    await using shop = await serve();
    for (let i = 0; i < 3; i++) {
      const details = [{ desc: StringValueSchema, value: { value: "frozen" } }];
      const error = await shop.call(method, new ConnectError("no", Code.Aborted, undefined, details));
      assert.equal(errorDetail(error, StringValueSchema)?.value, "frozen");
    }
    const [told, ...more] = shop.told;
    assert.ok(isHeddleError(told) && told.reason === "errorUndeclared", String(told));
    assert.match(told.rawMessage, /does not declare google\.protobuf\.StringValue/);
    assert.equal(more.length, 0);
  });

  test(`${method}: another code than the contract's is told`, async () => {
    await using shop = await serve();
    const details = [{ desc: SoldOutSchema, value: { sku: "mug" } }];
    const error = await shop.call(method, new ConnectError("no", Code.NotFound, undefined, details));
    assert.equal(ConnectError.from(error).code, Code.NotFound);
    assert.match(String(shop.told[0]), /SoldOut with FAILED_PRECONDITION, and it came with NOT_FOUND/);
  });
}

test("a method that declares nothing may answer with anything", async () => {
  await using shop = await serve();
  const details = [{ desc: StringValueSchema, value: { value: "frozen" } }];
  await shop.call("ask", new ConnectError("no", Code.Aborted, undefined, details));
  assert.deepEqual(shop.told, []);
});

test("a contract whose errors make no sense ends the start of its server", async () => {
  const { Shop } = shopOf([{ ...soldOut, detail: "heddle.declaring.SoldOff" }]);
  const services = [implement(Shop, { buy: () => ({}) })];
  await assert.rejects(
    createServer({ services, listen: `memory:undeclared-${servers++}` }),
    (error) => isHeddleError(error) && error.heddleCode === "HDL-1011" && /Shop\/Buy/.test(error.message),
  );
});
