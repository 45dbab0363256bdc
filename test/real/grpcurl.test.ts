/** grpcurl without a schema: it lists, describes and calls what the server tells it of, errors of the contract among it. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { createServer, errorsOf, implement } from "heddle";
import { ThingRefusedSchema, ThingService } from "../gen/heddle/test/v1/things_pb.ts";
import { runToEnd } from "../kit/program.ts";

const program = fileURLToPath(new URL("../../.cache/bin/grpcurl", import.meta.url));
const service = "heddle.test.v1.ThingService";
const keepErrors = errorsOf(ThingService.method.keepThing, [ThingRefusedSchema]);

/** Asks a server that refuses what has no shelf. */
async function start(t: TestContext) {
  const server = await createServer({
    services: [
      implement(ThingService, {
        keepThing({ thing, shelf }) {
          if (shelf === "")
            throw keepErrors.create(ThingRefusedSchema, { reason: "no shelf" }, { message: "no" });
          return thing === undefined ? {} : { thing };
        },
      }),
    ],
    reflection: true,
  });
  t.after(() => server.close());
  return (flags: readonly string[], ...words: readonly string[]) =>
    runToEnd(program, ["-plaintext", ...flags, server.address, ...words]);
}

test("it lists services and methods", async (t) => {
  const ask = await start(t);
  const services = await ask([], "list");
  assert.equal(services.code, 0, services.output);
  assert.ok(services.answer.split("\n").includes(service), services.answer);
  const methods = await ask([], "list", service);
  const names = ["FindThing", "KeepThing", "PutThing"];
  assert.deepEqual(
    methods.answer.trim().split("\n").toSorted(),
    names.map((name) => `${service}.${name}`),
  );
});

test("it describes a service with its options, a message with its fields", async (t) => {
  const ask = await start(t);
  const described = await ask([], "describe", service);
  assert.equal(described.code, 0, described.output);
  assert.match(described.answer, /rpc KeepThing \( \.heddle\.test\.v1\.KeepThingRequest \)/);
  // Options of other files are served too, and read by their names.
  assert.match(described.answer, /\(\.?google\.api\.http\) = \{\s*post: "\/v1\/things"/);
  assert.match(
    described.answer,
    /\(\.?heddle\.options\.v1\.error\).*FAILED_PRECONDITION.*heddle\.test\.v1\.ThingRefused/s,
  );
  const message = await ask([], "describe", "heddle.test.v1.Thing");
  assert.match(message.answer, /map<int32, \.heddle\.test\.v1\.Thing> parts = 13;/);
});

test("it calls, and reads the answer", async (t) => {
  const ask = await start(t);
  const thing = { id: "7", total: "-5", labels: { a: "b" }, parts: { 1: { on: true } }, wait: "1.500s" };
  const { code, answer, output } = await ask(
    ["-d", JSON.stringify({ thing, shelf: "a" })],
    `${service}/KeepThing`,
  );
  assert.equal(code, 0, output);
  assert.deepEqual(JSON.parse(answer), { thing });
});

test("it shows a declared error with its fields", async (t) => {
  const ask = await start(t);
  const { code, output } = await ask(["-d", "{}"], `${service}/KeepThing`);
  assert.equal(code, 64 + 9, output);
  assert.match(output, /Code: FailedPrecondition\s+Message: no/);
  assert.match(output, /"@type": ?"type\.googleapis\.com\/heddle\.test\.v1\.ThingRefused"/);
  assert.match(output, /"reason": ?"no shelf"/);
});

test("what is not there it says", async (t) => {
  const ask = await start(t);
  const { code, output } = await ask(["-d", "{}"], "heddle.test.v1.NoService/Keep");
  assert.notEqual(code, 0);
  assert.match(output, /NoService/);
});
