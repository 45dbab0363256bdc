/** Spans of calls from mesh to mesh, as a collector gets them. */
import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { Echo } from "./contract/echo-service.test.ts";
import { ExportTraceServiceRequestSchema } from "./gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.ts";
import {
  Span_SpanKind as Kind,
  type Span,
  Status_StatusCode,
} from "./gen/opentelemetry/proto/trace/v1/trace_pb.ts";
import type { ClientOptions } from "./client/options.ts";
import { createMesh } from "./mesh.ts";
import type { MeshTracesOptions } from "./mesh-traces.ts";
import { implement } from "./server/implement.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";

/** Answers as told, 200 when nothing more is. */
async function startCollector(t: TestContext, statuses: number[] = []) {
  const spans: Span[] = [];
  const server = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const status = statuses.shift() ?? 200;
      const { resourceSpans } = fromBinary(ExportTraceServiceRequestSchema, Buffer.concat(chunks));
      if (status === 200)
        spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return { spans, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces` };
}

const settings = { registry: false, stateFolder: false, shutdownSignals: [], metrics: false } as const;

/** A caller and a mesh whose `say` calls `get` of its own, which fails as often as is told. */
async function open(t: TestContext, url: string, traces: MeshTracesOptions, options: ClientOptions = {}) {
  let failures = 0;
  const meshes = await Promise.all(
    ["callee", "caller"].map((service) =>
      createMesh({ ...settings, service, traces: { otlp: { url, intervalMs: 100_000 }, ...traces } }),
    ),
  );
  const [callee, caller] = meshes as [(typeof meshes)[0], (typeof meshes)[0]];
  const close = async () => {
    await caller.close();
    await callee.close();
  };
  t.after(close);
  const headers: Headers[] = [];
  const server = await callee.serve(
    implement(Echo, {
      say: (request) => inner.get(request),
      get: (_request, { requestHeader }) => {
        headers.push(requestHeader);
        if (failures-- > 0) throw new ConnectError("not now", Code.Unavailable);
        return {};
      },
    }),
    { listen: "127.0.0.1:0" },
  );
  const target = `static:///${server.address}`;
  const inner = callee.client(Echo, { target, ...options });
  const client = caller.client(Echo, { target, ...options });
  return { client, close, headers, fail: (times: number) => (failures = times) };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const valuesOf = (span: Span | undefined) =>
  Object.fromEntries((span?.attributes ?? []).map(({ key, value }) => [key, value?.value.value]));

for (const protocol of ["grpc", "connect"] as const)
  test(`one trace of client, server, client, server: ${protocol}`, async (t) => {
    const { spans, url } = await startCollector(t);
    const { client, close } = await open(t, url, { sampleRatio: 1 }, { protocol });
    await client.say({});
    await close();
    assert.equal(new Set(spans.map(({ traceId }) => hex(traceId))).size, 1);
    let parent = "";
    for (const [kind, method] of [
      [Kind.CLIENT, "Say"],
      [Kind.SERVER, "Say"],
      [Kind.CLIENT, "Get"],
      [Kind.SERVER, "Get"],
    ] as const) {
      const [span, ...more] = spans.filter(({ parentSpanId }) => hex(parentSpanId) === parent);
      assert.equal(more.length, 0);
      assert.equal(span?.kind, kind);
      assert.equal(span.name, `heddle.unit.Echo/${method}`);
      assert.ok(span.endTimeUnixNano >= span.startTimeUnixNano);
      const values = valuesOf(span);
      assert.equal(values["rpc.system.name"], protocol === "grpc" ? "grpc" : "connectrpc");
      assert.equal(values["rpc.method"], span.name);
      assert.equal(values["rpc.response.status_code"], "OK");
      parent = hex(span.spanId);
    }
    assert.equal(spans.length, 4);
  });

test("the caller's decision holds, in both ways, and its state travels on", async (t) => {
  const { spans, url } = await startCollector(t);
  const { client, close, headers } = await open(t, url, { sampleRatio: 0 });
  const given = { tracestate: "shop=1", baggage: "user=7" };
  await client.say({}, { headers: { ...given, traceparent: `00-${TRACE}-${CALLER}-01` } });
  await client.say({}, { headers: { ...given, traceparent: `00-${TRACE}-${CALLER}-00` } });
  await client.say({});
  await close();
  assert.equal(spans.length, 4);
  const roots = spans.filter(({ parentSpanId }) => hex(parentSpanId) === CALLER);
  assert.deepEqual(
    roots.map(({ kind, traceState }) => [kind, traceState]),
    [[Kind.CLIENT, "shop=1"]],
  );
  assert.match(headers[0]?.get("traceparent") ?? "", new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
  assert.match(headers[1]?.get("traceparent") ?? "", new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
  for (const name of ["tracestate", "baggage"] as const)
    assert.deepEqual([headers[0]?.get(name), headers[2]?.get(name)], [given[name], null]);
});

test("a caller that keeps nothing is followed, though it began no trace", async (t) => {
  const { spans, url } = await startCollector(t);
  const keepsNone = await createMesh({ ...settings, traces: { sampleRatio: 0, otlp: { url } } });
  const keepsAll = await createMesh({ ...settings, traces: { sampleRatio: 1, otlp: { url } } });
  const silent = await createMesh({ ...settings, traces: false });
  const server = await keepsAll.serve(implement(Echo, { say: () => ({}) }), { listen: "127.0.0.1:0" });
  const target = `static:///${server.address}`;
  for (const protocol of ["grpc", "connect", "grpc-web"] as const)
    await keepsNone.client(Echo, { target, protocol }).say({});
  await silent.client(Echo, { target }).say({});
  for (const mesh of [silent, keepsNone, keepsAll]) await mesh.close();
  assert.deepEqual(
    spans.map(({ kind }) => kind),
    [Kind.SERVER],
  );
});

test("a call that fails is kept on both sides, and its attempts with it; what is not sampled says so", async (t) => {
  const { spans, url } = await startCollector(t);
  const { client, close, fail } = await open(t, url, { sampleRatio: 0 }, { maxAttempts: 2 });
  await client.get({});
  fail(100);
  await assert.rejects(client.get({}), { code: Code.Unavailable });
  await close();
  const clientSpans = spans.filter(({ kind }) => kind !== Kind.SERVER);
  const [call] = clientSpans.filter(({ parentSpanId }) => parentSpanId.length === 0);
  const attempts = clientSpans.filter((span) => span !== call);
  assert.equal(call?.status?.code, Status_StatusCode.ERROR);
  assert.equal(call.status.message, "not now");
  assert.equal(call.flags & 1, 0);
  assert.equal(valuesOf(call)["error.type"], "UNAVAILABLE");
  assert.ok(attempts.length > 1);
  assert.equal(call.kind, Kind.INTERNAL);
  for (const [i, attempt] of attempts.entries()) {
    assert.equal(attempt.kind, Kind.CLIENT);
    assert.equal(hex(attempt.parentSpanId), hex(call.spanId));
    const values = valuesOf(attempt);
    assert.equal(values["heddle.attempt"], BigInt(i + 1));
    assert.equal(values["heddle.pick.reason"], "only one");
    assert.equal(typeof values["heddle.wait.instance_ms"], "number");
    assert.equal(values["network.peer.address"], "127.0.0.1");
    assert.ok(attempt.events.some(({ name }) => name === "heddle.sent"));
  }
  const served = spans.filter(({ kind }) => kind === Kind.SERVER);
  assert.equal(served.length, attempts.length);
});

test("slow calls are kept, and spans wait for a collector that is busy", async (t) => {
  const { spans, url } = await startCollector(t, [503]);
  const mesh = await createMesh({
    ...settings,
    traces: { sampleRatio: 0, slowMs: 0, otlp: { url, intervalMs: 100 } },
    onWarning: (message) => warnings.push(message),
  });
  const warnings: string[] = [];
  const server = await mesh.serve(implement(Echo, { say: () => ({}) }), { listen: "127.0.0.1:0" });
  const client = mesh.client(Echo, { target: `static:///${server.address}` });
  await client.say({});
  while (warnings.length < 2) await new Promise((resolve) => setImmediate(resolve));
  await mesh.close();
  assert.match(warnings[0] ?? "", /^spans do not reach 127\.0\.0\.1:\d+: it answers 503$/);
  assert.match(warnings[1] ?? "", /^spans reach /);
  assert.deepEqual(new Set(spans.map(({ kind }) => kind)), new Set([Kind.SERVER, Kind.CLIENT]));
  assert.equal(spans.length, 2);
});

test("what makes no sense is refused", async () => {
  for (const traces of [
    { sampleRatio: 2 },
    { sampleRatio: Number.NaN },
    { slowMs: -1 },
    { otlp: { url: "x" } },
  ])
    await assert.rejects(createMesh({ ...settings, traces }), { reason: "optionInvalid" });
});
