import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { Echo } from "./contract/echo-service.test.ts";
import { ExportMetricsServiceRequestSchema } from "./gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import { createMesh, type Mesh } from "./mesh.ts";
import type { MeshMetricsOptions } from "./mesh-metrics.ts";
import { implement } from "./server/implement.ts";
import type { HistogramValue, MetricSnapshot } from "./telemetry/snapshot.ts";

let fail: ConnectError | undefined;
const echo = implement(Echo, {
  say: () => {
    if (fail !== undefined) throw fail;
    return {};
  },
});

/** A mesh that serves `Echo` and calls itself. */
async function open(metrics?: MeshMetricsOptions | false, warnings: string[] = []) {
  const mesh = await createMesh({
    service: "echo",
    instance: "echo-1",
    registry: false,
    shutdownSignals: [],
    onWarning: (message) => warnings.push(message),
    ...(metrics === undefined ? {} : { metrics }),
  });
  after(() => mesh.close());
  const server = await mesh.serve(echo, { listen: "127.0.0.1:0" });
  return { mesh, server, client: mesh.client(Echo, { target: `static:///${server.address}` }) };
}

/** The value of a series, by the name of its metric and some of its labels. */
function valueOf(
  { families }: MetricSnapshot,
  name: string,
  wanted: Record<string, string> = {},
): number | HistogramValue | undefined {
  const family = families.find(({ instrument }) => instrument.name === name);
  const point = family?.points.find(({ labels }) =>
    Object.entries(wanted).every(
      ([label, value]) => labels[family.instrument.labels.indexOf(label)] === value,
    ),
  );
  return point?.value;
}

function countOf(snapshot: MetricSnapshot, name: string, wanted: Record<string, string> = {}): number {
  const value = valueOf(snapshot, name, wanted);
  return typeof value === "object" ? value.count : (value ?? 0);
}

describe("metrics of a mesh", () => {
  it("count every call, on both sides, exactly", async () => {
    const { mesh, client } = await open();
    for (let round = 0; round < 10; round++)
      await Promise.all(Array.from({ length: 50 }, () => client.say({})));
    fail = new ConnectError("no", Code.NotFound);
    const failed = await Promise.allSettled(Array.from({ length: 7 }, () => client.say({})));
    fail = undefined;
    assert.equal(failed.filter(({ status }) => status === "rejected").length, 7);
    const snapshot = await mesh.metrics.collect();
    const method = { "rpc.method": `${Echo.typeName}/Say` };
    for (const name of [
      "rpc.client.call.duration",
      "rpc.server.call.duration",
      "heddle.client.attempt.duration",
    ]) {
      assert.equal(countOf(snapshot, name, { ...method, "rpc.status_code": "OK" }), 500, name);
      assert.equal(countOf(snapshot, name, { ...method, "rpc.status_code": "NOT_FOUND" }), 7, name);
    }
    assert.equal(countOf(snapshot, "heddle.client.failures", { "error.type": "NOT_FOUND" }), 7);
    assert.equal(countOf(snapshot, "heddle.server.failures", { "error.type": "NOT_FOUND" }), 7);
    assert.equal(countOf(snapshot, "heddle.server.calls.active", method), 0);
    const duration = valueOf(snapshot, "rpc.client.call.duration", {
      "rpc.status_code": "OK",
    }) as HistogramValue;
    assert.ok(duration.sum > 0 && duration.sum < 500 * 10);
    assert.ok(
      countOf(snapshot, "heddle.client.network.io", { "network.io.direction": "transmit" }) > 500 * 20,
    );
    assert.equal(
      countOf(snapshot, "heddle.client.network.io", { "network.io.direction": "transmit" }),
      countOf(snapshot, "heddle.server.network.io", { "network.io.direction": "receive" }),
    );
    assert.equal(countOf(snapshot, "heddle.client.instances", { "heddle.state": "ready" }), 1);
    assert.equal(countOf(snapshot, "heddle.server.connections"), 1);
    assert.equal(countOf(snapshot, "heddle.client.connections", { "network.protocol.version": "2" }), 1);
  });

  it("count paths that nobody answers as one method", async () => {
    const { mesh, server } = await open();
    for (const path of ["shop.v1.Unknown/One", "shop.v1.Unknown/Two"]) {
      const answer = await fetch(`http://${server.address}/${path}`, {
        method: "POST",
        headers: { "content-type": "application/grpc-web+proto" },
        body: new Uint8Array(5),
      });
      await answer.arrayBuffer();
    }
    const other = {
      "rpc.method": "_OTHER",
      "rpc.system.name": "grpc_web",
      "rpc.status_code": "UNIMPLEMENTED",
    };
    assert.equal(countOf(await mesh.metrics.collect(), "rpc.server.call.duration", other), 2);
  });

  it("stand on the server's own port, as text by default", async () => {
    const { server, client } = await open();
    await client.say({});
    const answer = await fetch(`http://${server.address}/metrics`);
    assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    const text = await answer.text();
    assert.match(
      text,
      /^rpc_server_call_duration_seconds_count\{rpc_system_name="grpc",rpc_method="[\w.]+\/Say",rpc_status_code="OK"\} 1$/m,
    );
    assert.match(text, /^target_info\{.*service_name="echo",service_instance_id="echo-1".*\} 1$/m);
    assert.match(text, /^# TYPE process_cpu_time_seconds_total counter$/m);
  });

  it("are OpenMetrics or Protobuf for those who ask for it, and compressed", async () => {
    const { server } = await open();
    const ask = (accept: string) =>
      fetch(`http://${server.address}/metrics`, { headers: { accept, "accept-encoding": "identity" } });
    const open1 = await ask("application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    assert.match(open1.headers.get("content-type") ?? "", /^application\/openmetrics-text/);
    assert.ok((await open1.text()).endsWith("# EOF\n"));
    const protobuf = await ask(
      "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;q=0.2",
    );
    assert.match(protobuf.headers.get("content-type") ?? "", /encoding=delimited/);
    assert.ok((await protobuf.arrayBuffer()).byteLength > 500);
    const { body } = await rawGet(`http://${server.address}/metrics`, { "accept-encoding": "gzip" });
    assert.match(gunzipSync(body).toString(), /^# HELP /);
  });

  it("stand at an address of their own where there is one, and not at the servers then", async () => {
    const { mesh, server } = await open({ listen: "127.0.0.1:0", path: "/prometheus" });
    assert.equal((await fetch(`http://${server.address}/prometheus`)).status, 404);
    const own = await fetch(`http://${mesh.metrics.address}/prometheus`);
    assert.equal(own.status, 200);
    await own.text();
  });

  it("are neither counted nor shown when they are switched off", async () => {
    const { mesh, server, client } = await open(false);
    await client.say({});
    assert.equal((await fetch(`http://${server.address}/metrics`)).status, 404);
    assert.equal(countOf(await mesh.metrics.collect(), "rpc.client.call.duration"), 0);
  });

  it("have those of other libraries beside them, and do without a source that fails", async () => {
    const { mesh, server } = await open();
    mesh.metrics.register({
      getMetricsAsJSON: async () => [
        {
          name: "orders_total",
          help: "Orders.",
          type: "counter",
          values: [{ value: 3, labels: { kind: "a" } }],
        },
      ],
    });
    mesh.metrics.register({ collect: () => Promise.reject(new Error("no")) });
    const meter = mesh.metrics.meterProvider.getMeter("shop");
    meter.createCounter("shop.carts", { description: "Carts.", unit: "{cart}" }).add(2, { kind: "b" });
    meter.createHistogram("shop.sizes", { unit: "By" }).record(700);
    meter.createObservableGauge("shop.level").addCallback((result) => result.observe(4));
    const text = await (await fetch(`http://${server.address}/metrics`)).text();
    assert.match(text, /^orders_total\{kind="a"\} 3$/m);
    assert.match(text, /^shop_carts_total\{kind="b"\} 2$/m);
    assert.match(text, /^shop_sizes_bytes_bucket\{le="750"\} 1$/m);
    assert.match(text, /^shop_level 4$/m);
    assert.match(text, /^heddle_metrics_source_errors_total 1$/m);
  });

  it("are pushed to a collector, with the last figures at the end", async () => {
    const received: Uint8Array[] = [];
    const collector = createHttpServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        assert.equal(request.headers["content-type"], "application/x-protobuf");
        assert.equal(request.headers["authorization"], "secret");
        received.push(Buffer.concat(parts));
        response.end();
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
    after(() => collector.close());
    const url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/metrics`;
    const { mesh, client } = await open({ otlp: { url, headers: { authorization: "secret" } } });
    await client.say({});
    await mesh.close();
    const request = fromBinary(ExportMetricsServiceRequestSchema, received.at(-1) as Uint8Array);
    const [resource] = request.resourceMetrics;
    assert.ok(resource?.resource?.attributes.some(({ key }) => key === "service.name"));
    const metric = resource?.scopeMetrics[0]?.metrics.find(({ name }) => name === "rpc.client.call.duration");
    assert.equal(metric?.data.case, "exponentialHistogram");
    const data = metric?.data.value as
      | { readonly dataPoints: readonly { readonly count: bigint }[] }
      | undefined;
    assert.equal(data?.dataPoints[0]?.count, 1n);
  });

  it("say once that a collector is gone, without what is secret in its URL", async () => {
    const warnings: string[] = [];
    const { mesh } = await open({ otlp: { url: "http://user:secret@127.0.0.1:1/v1/metrics" } }, warnings);
    await mesh.close();
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /^metrics do not reach 127\.0\.0\.1:1: /);
    assert.doesNotMatch(warnings[0] ?? "", /secret/);
  });

  it("refuse settings that make no sense", async () => {
    const withMetrics = (metrics: MeshMetricsOptions): Promise<Mesh> =>
      createMesh({ registry: false, shutdownSignals: [], metrics });
    await assert.rejects(withMetrics({ path: "metrics" }), /metrics\.path/);
    await assert.rejects(withMetrics({ maxSeries: 0 }), /metrics\.maxSeries/);
    await assert.rejects(withMetrics({ otlp: { url: "ftp://a" } }), /metrics\.otlp\.url/);
  });
});

/** `fetch` would decompress it. */
async function rawGet(url: string, headers: Record<string, string>): Promise<{ body: Buffer }> {
  const { request } = await import("undici");
  const { body } = await request(url, { headers });
  return { body: Buffer.from(await body.arrayBuffer()) };
}
