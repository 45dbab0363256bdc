/** Spans of Heddle, taken by the receiver of OpenTelemetry's collector. */
import { Code, ConnectError, createMesh, implement, type Mesh } from "heddle";
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { type OtlpReceiver, startOtlpReceiver, valueOf } from "../kit/otlp-receiver.ts";
import { until } from "../kit/within.ts";

const INTERNAL = 1;
const SERVER = 2;
const CLIENT = 3;

async function openMesh(t: TestContext, service: string, receiver: OtlpReceiver, sampleRatio: number) {
  const mesh = await createMesh({
    service,
    registry: false,
    stateFolder: false,
    shutdownSignals: [],
    metrics: false,
    traces: { sampleRatio, otlp: { url: `${receiver.url}/v1/traces`, intervalMs: 200 } },
  });
  t.after(() => mesh.close());
  return mesh;
}

async function serveEcho(mesh: Mesh, unary: () => object): Promise<string> {
  const server = await mesh.serve(implement(EchoService, { unary }), { listen: "127.0.0.1:0" });
  return server.address;
}

test("a call from one service to another is two spans of one trace", async (t) => {
  await using receiver = await startOtlpReceiver();
  const callee = await openMesh(t, "callee", receiver, 1);
  const caller = await openMesh(t, "caller", receiver, 1);
  const target = `static:///${await serveEcho(callee, () => ({}))}`;
  await caller.client(EchoService, { target }).unary({});
  await until(() => receiver.spans.length === 2, "both spans", 10_000);
  const client = receiver.spans.find(({ service }) => service === "caller");
  const server = receiver.spans.find(({ service }) => service === "callee");
  assert.equal(client?.kind, CLIENT);
  assert.equal(server?.kind, SERVER);
  assert.equal(server.traceId, client.traceId);
  assert.equal(server.parentSpanId, client.spanId);
  for (const { name, attributes, startTimeUnixNano, endTimeUnixNano, status } of [client, server]) {
    assert.equal(name, `${EchoService.typeName}/Unary`);
    assert.equal(valueOf(attributes, "rpc.system.name"), "grpc");
    assert.equal(valueOf(attributes, "rpc.method"), name);
    assert.equal(valueOf(attributes, "rpc.response.status_code"), "OK");
    assert.ok(BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano));
    assert.deepEqual(status, {});
  }
  assert.equal(client.events?.at(-1)?.name, "heddle.sent");
});

test("of calls that are not sampled the failed one is there, with the attempts it made", async (t) => {
  await using receiver = await startOtlpReceiver();
  const first = await openMesh(t, "first", receiver, 0);
  const second = await openMesh(t, "second", receiver, 0);
  const caller = await openMesh(t, "caller", receiver, 0);
  let good = true;
  const unary = () => {
    if (good) return {};
    throw new ConnectError("not now", Code.Unavailable);
  };
  const addresses = [await serveEcho(first, unary), await serveEcho(second, unary)];
  const client = caller.client(EchoService, {
    target: `static:///${addresses.join(",")}`,
    serviceConfig: {
      methods: [
        {
          names: [{ service: EchoService.typeName }],
          idempotent: true,
          retry: { maxAttempts: 2, initialBackoffMs: 1, retryableCodes: ["UNAVAILABLE"] },
        },
      ],
    },
  });
  for (let i = 0; i < 20; i++) await client.unary({});
  good = false;
  await assert.rejects(client.unary({}), { code: Code.Unavailable });
  const ofCaller = () => receiver.spans.filter(({ service }) => service === "caller");
  await until(() => ofCaller().length === 3, "the call and its attempts", 10_000);
  await until(() => receiver.spans.length === 5, "what the callees saw", 10_000);
  const call = ofCaller().find(({ kind }) => kind === INTERNAL);
  const attempts = ofCaller().filter(({ kind }) => kind === CLIENT);
  assert.deepEqual(call?.status, { code: 2, message: "not now" });
  assert.deepEqual(
    attempts.map(({ parentSpanId }) => parentSpanId),
    [call.spanId, call.spanId],
  );
  assert.deepEqual(
    attempts.map(({ attributes }) => valueOf(attributes, "heddle.pick.reason")),
    ["balancer", "another one"],
  );
});
