/** What Heddle exposes, read by those for whom it is: Prometheus' parsers, promtool, and a Prometheus that scrapes it. */
import { Code, ConnectError, createMesh, implement } from "heddle";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { type Prometheus, startPrometheus } from "../kit/prometheus.ts";
import { within } from "../kit/within.ts";

const SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** A server that has had so many calls, some of which failed, one of a trace that is kept. */
async function serveCalls(t: TestContext, good: number, bad: number): Promise<string> {
  const mesh = await createMesh({ service: "echo", registry: false, shutdownSignals: [] });
  t.after(() => mesh.close());
  const unary = (_request: unknown, { requestHeader }: { readonly requestHeader: Headers }) => {
    if (requestHeader.has("fail")) throw new ConnectError('no "such\\thing"\n', Code.NotFound);
    return {};
  };
  const server = await mesh.serve(implement(EchoService, { unary }), { listen: "127.0.0.1:0" });
  const client = mesh.client(EchoService, { target: `static:///${server.address}` });
  await client.unary({}, { headers: { traceparent: SAMPLED } });
  await Promise.all(Array.from({ length: good - 1 }, () => client.unary({})));
  await Promise.allSettled(Array.from({ length: bad }, () => client.unary({}, { headers: { fail: "yes" } })));
  // Values that have to be escaped, as a program of somebody's own may have.
  mesh.metrics.meterProvider
    .getMeter("own")
    .createCounter("own.odd", { description: "Odd." })
    .add(1, { text: 'a "b"\\c\nd', ü: "1" });
  return server.address;
}

interface Sample {
  readonly family: string;
  readonly type: string;
  readonly unit: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | string;
  readonly exemplar: Readonly<Record<string, string>> | null;
}

/** Runs a program on a text; it must end with 0. */
async function filter(program: string, args: readonly string[], input: string): Promise<string> {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  let [output, complaint] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number | null];
  assert.equal(code, 0, `${program} ${args.join(" ")}: ${complaint}${output.slice(0, 2000)}`);
  return output;
}

async function parse(form: "text" | "openmetrics", text: string): Promise<readonly Sample[]> {
  const script = fileURLToPath(new URL("../kit/read-metrics.py", import.meta.url));
  const output = await filter("/usr/bin/python3", [script, form], text);
  return output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Sample);
}

async function scrape(address: string, accept: string): Promise<string> {
  return (await fetch(`http://${address}/metrics`, { headers: { accept } })).text();
}

const countsOf = (samples: readonly Sample[], name: string, method: string) =>
  Object.fromEntries(
    samples
      .filter((sample) => sample.name === name && sample.labels["rpc_method"] === method)
      .map(({ labels, value }) => [labels["rpc_status_code"], value]),
  );

const METHOD = `${EchoService.typeName}/Unary`;

for (const [form, accept] of [
  ["text", "text/plain"],
  ["openmetrics", "application/openmetrics-text;version=1.0.0"],
] as const) {
  test(`Prometheus' parser reads ${form}, and every call is in it`, async (t) => {
    const address = await serveCalls(t, 40, 3);
    const samples = await parse(form, await scrape(address, accept));
    for (const side of ["client", "server"])
      assert.deepEqual(countsOf(samples, `rpc_${side}_call_duration_seconds_count`, METHOD), {
        OK: 40,
        NOT_FOUND: 3,
      });
    const odd = samples.find(({ name }) => name === "own_odd_total");
    assert.equal(odd?.labels["text"], 'a "b"\\c\nd');
    assert.ok(samples.some(({ name }) => name === "target_info"));
    const exemplars = samples.map(({ exemplar }) => exemplar).filter((each) => each !== null);
    if (form === "openmetrics")
      // The caller's and the callee's: they are of one process here.
      assert.deepEqual(
        exemplars,
        ["0af7651916cd43dd8448eb211c80319c", "0af7651916cd43dd8448eb211c80319c"].map((id) => ({
          trace_id: id,
        })),
      );
    else assert.deepEqual(exemplars, []);
  });
}

test("promtool finds nothing wrong with names and help", async (t) => {
  const address = await serveCalls(t, 2, 1);
  await filter("promtool", ["check", "metrics"], await scrape(address, "text/plain"));
});

test("Prometheus scrapes native histograms and examples, and counts as we do", async (t) => {
  const address = await serveCalls(t, 40, 3);
  await using prometheus = await startPrometheus([address]);
  const ok = `rpc_server_call_duration_seconds{rpc_method="${METHOD}",rpc_status_code="OK"}`;
  const native = await within(whenThere(prometheus, ok), "a scrape", 30_000);
  assert.equal(native?.histogram?.[1].count, "40");
  assert.ok(Number(native?.histogram?.[1].sum) > 0);
  const [quantile] = await prometheus.query(`histogram_quantile(0.9, ${ok})`);
  assert.ok(Number(quantile?.value?.[1]) > 0 && Number(quantile?.value?.[1]) < 10);
  const [failures] = await prometheus.query(`heddle_client_failures_total{error_type="NOT_FOUND"}`);
  assert.equal(failures?.value?.[1], "3");
  const [up] = await prometheus.query("up");
  assert.equal(up?.value?.[1], "1");
});

async function whenThere(prometheus: Prometheus, expression: string) {
  for (;;) {
    const [first] = await prometheus.query(expression);
    if (first !== undefined) return first;
    await sleep(100);
  }
}
