/** Processes and a control plane: what they tell is what it answers, to the last call. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { recordOf } from "./call/record.ts";
import { explain } from "./call/explain.ts";
import { createTransport } from "./client/transport.ts";
import { until } from "./connection/scripted-peer.test.ts";
import { Echo } from "./contract/echo-service.test.ts";
import { startControlPlane } from "./control/plane/plane.ts";
import type {
  CallPage,
  Calls,
  Findings,
  Overview,
  ServiceMap,
  ServicePage,
} from "./control/plane/telemetry/api.ts";
import {
  type CallCountsSchema,
  CountKind,
  KeptBecause,
  ReportTelemetryRequestSchema,
  TelemetryService,
} from "./gen/heddle/telemetry/v1/telemetry_pb.ts";
import { createMesh } from "./mesh.ts";
import { implement } from "./server/implement.ts";

const TELEMETRY = { reportEveryMs: 50 };

test("what processes tell is what the control plane answers, to the last call", async () => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 0 });
  const common = { registry: plane.address, stateFolder: false, shutdownSignals: [] } as const;
  await using orders = await createMesh({ ...common, service: "orders", telemetry: TELEMETRY });
  await using web = await createMesh({ ...common, service: "web", telemetry: TELEMETRY });
  await orders.serve(
    implement(Echo, {
      say: () => {
        throw new ConnectError("sold out", Code.FailedPrecondition);
      },
      get: (request: unknown) => request,
    } as never),
  );
  const client = web.client(Echo);
  for (let i = 0; i < 20; i++) await client.get({});
  const error = await client.say({}, { headers: { "x-secret": "hunter2" } }).then(
    () => assert.fail(),
    (caught: unknown) => caught,
  );
  const record = recordOf(error);
  assert.ok(record);
  await client.get({}, { timeoutMs: 0 });
  const ask = async <T>(path: string): Promise<T> => {
    const answer = await fetch(`http://${plane.address}/api/v1/${path}`);
    assert.equal(answer.status, 200, path);
    return (await answer.json()) as T;
  };
  let turn = 60;
  const askAnew = <T>(path: string) => ask<T>(`${path}${path.includes("?") ? "&" : "?"}window=${turn++}`);
  let overview = await askAnew<Overview>("overview");
  const made = () => overview.services.find(({ name }) => name === "web")?.made.calls ?? 0;
  while ((overview.total.calls < 22 || made() < 22 || overview.kept.count < 3) && turn < 300) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    overview = await askAnew<Overview>("overview");
  }
  assert.equal(overview.total.calls, 22);
  assert.equal(overview.total.failed, 1);
  const row = overview.services.find(({ name }) => name === "orders");
  assert.deepEqual([row?.instances, row?.reporting, row?.served.calls], [1, 1, 22]);
  assert.equal(made(), 22);

  const page = await askAnew<ServicePage>("service/orders");
  assert.deepEqual(
    page.callers.map(({ from, to, attempts }) => [from, to, attempts.calls]),
    [["web", "orders", 22]],
  );
  assert.deepEqual(
    page.methods.map(({ method, codes }) => [method, codes[0]?.code]),
    [
      ["heddle.unit.Echo/Get", "OK"],
      ["heddle.unit.Echo/Say", "FAILED_PRECONDITION"],
    ],
  );
  assert.equal(page.instances[0]?.served.calls, 22);
  assert.ok((page.instances[0]?.process?.memoryBytes ?? 0) > 1e6);

  const calls = await ask<Calls>("calls?state=failed&side=client&service=web");
  assert.deepEqual(
    calls.calls.map(({ id, status, service }) => [id, status, service]),
    [[record.id, "FAILED_PRECONDITION", "web"]],
  );
  const call = await ask<CallPage>(`call/${record.id}`);
  assert.deepEqual(call.explanation.sentence, explain(record).sentence);
  assert.match(
    call.explanation.sentence,
    /^heddle\.unit\.Echo\/Say failed with FAILED_PRECONDITION: orders-\w+ .*"sold out"/,
  );
  assert.ok(!JSON.stringify(call).includes("hunter2"));
  assert.equal(web.recentCalls()[0]?.record.side, "client");

  const stats = await web.stats("orders", 600);
  assert.deepEqual([stats?.service, stats?.failedShare], ["orders", 0.04545]);
  assert.equal(await web.stats("nobody"), undefined);
  const map = await askAnew<ServiceMap>("map");
  assert.deepEqual(map.nodes.map(({ name }) => name).sort(), ["orders", "web"]);
  const { findings } = await ask<Findings>("findings");
  assert.deepEqual(
    findings.map(({ kind, service }) => [kind, service]),
    [],
  );
  for (const [path, status] of [
    ["nothing", 404],
    ["call/x", 404],
    ["service/%ff", 404],
    ["overview?window=1", 400],
  ] as const)
    assert.equal((await fetch(`http://${plane.address}/api/v1/${path}`)).status, status, path);
});

test("each call that is told is an event for those who follow", async () => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 0 });
  await using transport = createTransport({ target: `static:///${plane.address}` });
  const client = createClient(TelemetryService, transport);
  const gone = new AbortController();
  const answer = await fetch(`http://${plane.address}/api/v1/events`, { signal: gone.signal });
  assert.equal(answer.headers.get("content-type"), "text/event-stream");
  let text = "";
  const reading = (async () => {
    for await (const piece of answer.body ?? []) text += new TextDecoder().decode(piece);
  })().catch(() => {});
  await until(() => text.startsWith("event: tick\ndata: {"));
  const report = { service: "web", instance: "web-1", epoch: "e", sequence: 1n, sentMs: Date.now() };
  const kept = {
    id: "0123456789abcdef",
    because: KeptBecause.FAILED,
    method: "a.B/C",
    status: "UNAVAILABLE",
  };
  await client.reportTelemetry(create(ReportTelemetryRequestSchema, { ...report, calls: [kept] }));
  await until(() => text.includes('event: call\ndata: {"id":"0123456789abcdef","state":"failed"'));
  gone.abort();
  await reading;
});

test("a report that comes again counts once, and one that cannot be is refused by name", async () => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 0 });
  await using transport = createTransport({ target: `static:///${plane.address}` });
  const client = createClient(TelemetryService, transport);
  const counts: MessageInitShape<typeof CallCountsSchema>[] = [
    {
      kind: CountKind.SERVED,
      method: "a.B/C",
      code: "OK",
      calls: 5n,
      seconds: 1,
      firstBucket: 0,
      buckets: [5n],
    },
  ];
  const report: MessageInitShape<typeof ReportTelemetryRequestSchema> = {
    service: "web",
    instance: "web-1",
    epoch: "e",
    sequence: 1n,
    sentMs: Date.now(),
    counts,
  };
  for (const each of [report, report, { ...report, sequence: 2n }, { ...report, epoch: "f" }])
    await client.reportTelemetry(create(ReportTelemetryRequestSchema, each));
  const overview = (await (await fetch(`http://${plane.address}/api/v1/overview`)).json()) as Overview;
  assert.equal(overview.total.calls, 15);
  for (const [bad, text] of [
    [{ ...report, service: "" }, /^service: must not be empty/],
    [{ ...report, epoch: "" }, /^epoch/],
    [{ ...report, sentMs: Number.NaN }, /^sent_ms/],
    [{ ...report, counts: [{ ...counts[0], firstBucket: -5000 }] }, /^counts\.buckets/],
    [{ ...report, counts: [{ ...counts[0], seconds: Number.NaN }] }, /^counts\.seconds/],
    [{ ...report, counts: [{ ...counts[0], calls: 2n ** 50n }] }, /^counts\.calls/],
    [{ ...report, calls: [{ id: "x" }] }, /^calls\.id/],
    [{ ...report, calls: [{ id: "0123456789abcdef", peer: "x".repeat(501) }] }, /^calls: a text/],
  ] as readonly (readonly [MessageInitShape<typeof ReportTelemetryRequestSchema>, RegExp])[])
    await assert.rejects(
      client.reportTelemetry(create(ReportTelemetryRequestSchema, bad)),
      (error: unknown) => {
        const { code, rawMessage } = ConnectError.from(error);
        assert.match(rawMessage, text);
        return code === Code.InvalidArgument;
      },
    );
});

test("statistics come from Prometheus where one is named", async () => {
  const asked: string[] = [];
  const prometheus = createHttpServer((request, response) => {
    const query = new URL(request.url ?? "", "http://x").searchParams.get("query") ?? "";
    asked.push(query);
    const value = query.includes("quantile")
      ? query.includes("0.99")
        ? 12
        : 3
      : query.includes("!=")
        ? 1
        : 50;
    response.end(JSON.stringify({ status: "success", data: { result: [{ value: [0, String(value)] }] } }));
  });
  await new Promise<void>((resolve) => prometheus.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = prometheus.address() as AddressInfo;
    await using mesh = await createMesh({
      registry: false,
      shutdownSignals: [],
      telemetry: { prometheus: `http://127.0.0.1:${port}` },
    });
    assert.deepEqual(await mesh.stats("orders"), {
      service: "orders",
      rate: 50,
      failedShare: 0.02,
      p50Ms: 3,
      p99Ms: 12,
      windowSeconds: 300,
    });
    assert.ok(asked.includes('sum(rate(rpc_server_call_duration_seconds_count{service="orders"}[300s]))'));
  } finally {
    prometheus.close();
  }
});
